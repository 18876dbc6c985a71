from allocations.projects.models.project import Project, ProjectMember, Sector

__all__ = ["Project", "ProjectMember", "Sector"]
