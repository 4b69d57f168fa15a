"""What Calculator says, given what it was asked."""

import re
from collections.abc import Iterator

from common.answers import COMPLETED, INPUT_REQUIRED, REJECTED, WORKING, Answering, Piece, Said

from .expression import Refusal, evaluate

MAX_EXPRESSIONS = 20
MAX_ECHOED = 60


class Calculator(Answering):
    """Evaluates each expression of a message (one a line, or separated by semicolons)."""

    def answer(self, said: list[str]) -> Iterator[Piece | Said]:
        """One artifact, a line per expression. Only the last message counts: expressions do not build on each other."""
        expressions = [part.strip() for part in re.split(r"[;\n]", said[-1]) if part.strip()] if said else []
        if not expressions:
            yield Said(INPUT_REQUIRED, "Which expression shall I evaluate?")
        elif len(expressions) > MAX_EXPRESSIONS:
            yield Said(REJECTED, f"That is {len(expressions)} expressions; please send at most {MAX_EXPRESSIONS}.")
        else:
            yield from _evaluated(expressions)


def _evaluated(expressions: list[str]) -> Iterator[Piece | Said]:
    yield Said(WORKING, "Evaluating.")
    results = []
    for expression in expressions:
        result, line = _line(expression)
        results.append(result)
        last = len(results) == len(expressions)
        yield Piece("results", line + ("" if last else "\n"), data={"results": results} if last else None)
    refused = sum("refused" in result for result in results)
    if refused == len(results):
        yield Said(REJECTED, f"I cannot evaluate that: {results[0]['refused']}.")
    elif len(results) == 1:
        yield Said(COMPLETED, line)
    else:
        yield Said(COMPLETED, f"{len(results) - refused} evaluated, {refused} refused.")


def _line(expression: str) -> tuple[dict, str]:
    echoed = expression if len(expression) <= MAX_ECHOED else expression[: MAX_ECHOED - 1] + "…"
    try:
        value = evaluate(expression)
    except Refusal as refusal:
        return {"expression": echoed, "refused": str(refusal)}, f"{echoed}: refused, {refusal}"
    shown = value.shown()
    return {"expression": echoed, "value": shown, "exact": value.exact}, f"{echoed} = {shown}"
