"""Arithmetic, exact where arithmetic is exact. Reads with Python's own parser, evaluates only what is listed here,
and bounds the length of the text, the size of every number and every exponent. Knows nothing of A2A."""

import ast
import math
import operator
import re
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction

MAX_CHARACTERS = 500
MAX_BITS = 8192
MAX_EXPONENT = 4096
MAX_FACTORIAL = 500
SHOWN_DIGITS = 15

_DECIMAL = Context(prec=60)


class Refusal(Exception):
    """An expression that is not evaluated; the text says why, for the person who sent it."""


@dataclass(frozen=True)
class Value:
    """A number, and whether it is exactly the answer or the nearest that 60 digits allow."""

    number: Fraction
    exact: bool = True

    def __post_init__(self) -> None:
        if max(self.number.numerator.bit_length(), self.number.denominator.bit_length()) > MAX_BITS:
            raise Refusal("the result is too large")

    def shown(self) -> str:
        """The number as people write it; with a leading "≈" where the digits shown are not the whole truth."""
        whole = _finite_decimal(self.number)
        if whole is not None and (self.exact or len(whole) <= SHOWN_DIGITS):
            return whole if self.exact else f"≈ {whole}"
        digits = Context(prec=SHOWN_DIGITS).divide(Decimal(self.number.numerator), Decimal(self.number.denominator))
        fraction = f" (exactly {self.number})" if self.exact and len(str(self.number)) <= 40 else ""
        return f"≈ {digits}{fraction}"


def evaluate(text: str) -> Value:
    """Evaluates one expression. Raises `Refusal` for anything but bounded arithmetic."""
    source = _as_source(text)
    if not source:
        raise Refusal("there is no expression")
    if len(source) > MAX_CHARACTERS:
        raise Refusal(f"the expression is longer than {MAX_CHARACTERS} characters")
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise Refusal("that is not an arithmetic expression") from None
    return _value(tree.body, source)


def _as_source(text: str) -> str:
    """The expression in Python's spelling: without "what is …?", and with the usual signs for times, divided and power."""
    text = re.sub(r"^\s*(what\s+is|what's|how\s+much\s+is|calculate|compute|evaluate)\b[:\s]*", "", text, flags=re.I)
    text = re.sub(r"[\s=?.]+$", "", text)
    for sign, spelling in (("×", "*"), ("·", "*"), ("÷", "/"), ("−", "-"), ("–", "-"), ("^", "**")):
        text = text.replace(sign, spelling)
    return text.strip()


def _value(node: ast.expr, source: str) -> Value:
    match node:
        case ast.Constant():
            return _literal(node, source)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, source)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = _value(operand, source)
            return Value(-value.number, value.exact)
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(op, _value(left, source), _value(right, source))
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name]([_value(argument, source) for argument in args])
        case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)):
            raise Refusal(f'I do not know "{name}"')
        case _:
            raise Refusal("only numbers, + - * / // % **, brackets and a few functions are evaluated")


def _literal(node: ast.Constant, source: str) -> Value:
    match node.value:
        case bool():
            raise Refusal("only numbers are evaluated")
        case int():
            return Value(Fraction(node.value))
        case float():
            # From the text, not from the float: 0.1 is a tenth. The exponent is looked at before it is raised.
            number = Decimal(ast.get_source_segment(source, node).replace("_", ""))
            if abs(number.adjusted()) > MAX_EXPONENT // 2:
                raise Refusal("the number is too large or too small")
            return Value(Fraction(number))
        case _:
            raise Refusal("only numbers are evaluated")


def _binary(op: ast.operator, left: Value, right: Value) -> Value:
    exact = left.exact and right.exact
    if isinstance(op, ast.Pow):
        return _power(left, right)
    if isinstance(op, (ast.Div, ast.FloorDiv, ast.Mod)) and right.number == 0:
        raise Refusal("division by zero")
    apply = _OPERATORS.get(type(op))
    if apply is None:
        raise Refusal("that operator is not arithmetic")
    return Value(Fraction(apply(left.number, right.number)), exact)


def _power(base: Value, exponent: Value) -> Value:
    if abs(exponent.number) > MAX_EXPONENT:
        raise Refusal(f"the exponent is larger than {MAX_EXPONENT}")
    if base.number == 0 and exponent.number < 0:
        raise Refusal("division by zero")
    if exponent.number.denominator != 1:
        return _from_decimal(lambda: _DECIMAL.power(_decimal(base), _decimal(exponent)))
    power = exponent.number.numerator
    # Before the work, not after it: 9**9**9 must cost nothing.
    widest = max(base.number.numerator.bit_length(), base.number.denominator.bit_length())
    if widest * abs(power) > 2 * MAX_BITS:
        raise Refusal("the result is too large")
    return Value(base.number**power, base.exact and exponent.exact)


def _decimal(value: Value) -> Decimal:
    return _DECIMAL.divide(Decimal(value.number.numerator), Decimal(value.number.denominator))


def _from_decimal(compute) -> Value:
    try:
        result = compute()
    except (InvalidOperation, OverflowError):
        raise Refusal("that has no real answer") from None
    if not result.is_finite():
        raise Refusal("that has no real answer")
    return Value(Fraction(result), exact=False)


def _one(arguments: list[Value], name: str) -> Value:
    if len(arguments) != 1:
        raise Refusal(f"{name} takes one number")
    return arguments[0]


def _sqrt(arguments: list[Value]) -> Value:
    value = _one(arguments, "sqrt")
    if value.number < 0:
        raise Refusal("a negative number has no real square root")
    roots = math.isqrt(value.number.numerator), math.isqrt(value.number.denominator)
    if roots[0] ** 2 == value.number.numerator and roots[1] ** 2 == value.number.denominator:
        return Value(Fraction(*roots), value.exact)
    return _from_decimal(lambda: _DECIMAL.sqrt(_decimal(value)))


def _factorial(arguments: list[Value]) -> Value:
    value = _one(arguments, "factorial")
    if value.number.denominator != 1 or not 0 <= value.number <= MAX_FACTORIAL:
        raise Refusal(f"factorial takes a whole number from 0 to {MAX_FACTORIAL}")
    return Value(Fraction(math.factorial(value.number.numerator)), value.exact)


def _abs(arguments: list[Value]) -> Value:
    value = _one(arguments, "abs")
    return Value(abs(value.number), value.exact)


def _round(arguments: list[Value]) -> Value:
    return Value(Fraction(round(_one(arguments, "round").number)))


def _extreme(choose):
    def pick(arguments: list[Value]) -> Value:
        if not arguments:
            raise Refusal("min and max take at least one number")
        return choose(arguments, key=lambda value: value.number)

    return pick


def _finite_decimal(number: Fraction) -> str | None:
    """The number written out, where its decimal expansion ends within 60 digits; else None."""
    if number.denominator == 1:
        return str(number.numerator)
    rest = number.denominator
    for factor in (2, 5):
        while rest % factor == 0:
            rest //= factor
    if rest != 1:
        return None
    exact = _DECIMAL.divide(Decimal(number.numerator), Decimal(number.denominator))
    return format(exact.normalize(), "f") if Fraction(exact) == number else None


_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_CONSTANTS = {
    "pi": Value(Fraction("3.14159265358979323846264338327950288419716939937510582097494"), exact=False),
    "e": Value(Fraction("2.71828182845904523536028747135266249775724709369995957496697"), exact=False),
}
_FUNCTIONS = {
    "sqrt": _sqrt,
    "abs": _abs,
    "round": _round,
    "factorial": _factorial,
    "min": _extreme(min),
    "max": _extreme(max),
}
