"""Where the releases differ: noted by the tests as they see it, printed at the end of the session."""

from collections import defaultdict

TARGETS = ("sandbox-v38", "slurm-22.05", "sandbox-v42", "slurm-24.11")


class Differences:
    """Question → target → answer."""

    def __init__(self) -> None:
        self._answers: defaultdict[str, dict[str, str]] = defaultdict(dict)

    def note(self, target: str, question: str, answer: object) -> None:
        self._answers[question][target] = str(answer)

    def lines(self) -> list[str]:
        """What is answered alike is left out; a sandbox that differs from its own release is marked."""
        seen = [target for target in TARGETS if any(target in answers for answers in self._answers.values())]
        lines = []
        for question, answers in sorted(self._answers.items()):
            if len(set(answers.values())) < 2:
                continue
            lines.append(question)
            lines += [f"    {target:12} {answers[target]}" for target in seen if target in answers]
            for sandbox, real in (TARGETS[:2], TARGETS[2:]):
                if answers.keys() >= {sandbox, real} and answers[sandbox] != answers[real]:
                    lines.append(f"    !! {sandbox} is wrong")
        return lines
