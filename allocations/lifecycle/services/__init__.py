"""The only writers of what happens to an allocation between its award and its end."""
