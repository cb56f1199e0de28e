"""GitHub's expressions: reading them, and saying whether one holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.lint.expressions.evaluate import UNKNOWN, Evaluator, Value
from deployctl.lint.expressions.parser import ExpressionError, parse
from deployctl.lint.expressions.template import condition, embedded, whole
from deployctl.lint.expressions.tree import (
    Access,
    And,
    Call,
    Compare,
    Expression,
    Filter,
    Joined,
    Literal,
    Name,
    Not,
    Or,
    Path,
    path,
)

KNOWN: dict[Path, Value] = {("github", "ref"): "refs/heads/main", ("a",): "", ("b",): "x"}


def lookup(names: Path) -> Value:
    return KNOWN.get(names, UNKNOWN)


STATUS = {"always": True, "success": False}


def holds(text: str) -> bool | None:
    return Evaluator(lookup, STATUS.get).truth(condition(text))


# ---------------------------------------------------------------- reading

REF = Access(Name("github"), Literal("ref"))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("true", Literal(True)),
        ("NULL", Literal(None)),
        ("-0x1F", Literal(-31.0)),
        ("1.5e3", Literal(1500.0)),
        ("'it''s'", Literal("it's")),
        ("github.ref", REF),
        ("github['ref']", REF),
        ("jobs.*.result", Access(Filter(Name("jobs")), Literal("result"))),
        ("a[*]", Filter(Name("a"))),
        ("success()", Call("success", ())),
        ("Contains(a, 'x')", Call("contains", (Name("a"), Literal("x")))),
        ("!a.b", Not(Access(Name("a"), Literal("b")))),
        ("a || b && !c", Or((Name("a"), And((Name("b"), Not(Name("c"))))))),
        ("(a || b) && c", And((Or((Name("a"), Name("b"))), Name("c")))),
        ("a == b < c", Compare("==", Name("a"), Compare("<", Name("b"), Name("c")))),
        ("a && b == 'x'", And((Name("a"), Compare("==", Name("b"), Literal("x"))))),
    ],
)
def test_an_expression_is_read_with_githubs_precedence(text: str, tree: Expression) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    "text",
    [
        *("", "a b", "a &&", "(a", "a)", "'a", '"a"', "a..b", "a.", "a[", "f(a,", "&& a", "a = b"),
        *("(" * 100 + "a" + ")" * 100, "a" + ".b" * 100, "!" * 100 + "a", "a" + "==a" * 100, "$a"),
    ],
)
def test_what_is_no_expression_is_an_error_and_nothing_else(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_a_long_condition_is_not_a_deep_one() -> None:
    tree = parse(" || ".join(["a"] * 500))

    assert isinstance(tree, Or)
    assert len(tree.operands) == 500


@given(st.text(alphabet="ab.'()[]!&|=<>*, \n10-$", max_size=30))
def test_any_text_is_an_expression_or_an_error(text: str) -> None:
    try:
        tree = parse(text)
    except ExpressionError:
        return
    assert Evaluator(lookup, STATUS.get).truth(tree) in {True, False, None}


@given(st.text(max_size=60))
def test_any_text_has_expressions_in_it_or_an_error(text: str) -> None:
    try:
        parts = embedded(text)
    except ExpressionError:
        return
    assert all(text[part.start :].startswith("${{") for part in parts)
    assert all(text[: part.end].endswith("}}") for part in parts)


def test_a_text_is_split_at_its_expressions_and_not_at_braces_in_their_texts() -> None:
    assert whole("v${{ '}}' }}-${{ a }}") == Joined(
        (Literal("v"), Literal("}}"), Literal("-"), Name("a"))
    )
    assert whole("${{ a }}") == Name("a")
    assert whole("plain") == Literal("plain")
    with pytest.raises(ExpressionError):
        whole("${{ a }")


def test_a_chain_of_names_is_a_path() -> None:
    assert path(parse("Needs.Build['outputs'].Tag")) == ("needs", "build", "outputs", "tag")
    assert path(parse("a[b]")) is None
    assert path(parse("a.*.b")) is None
    assert path(parse("f(a).b")) is None


# ---------------------------------------------------------------- printing and reading back

names = st.sampled_from(["github", "needs", "a-b", "_x"]).map(Name)
literals = st.one_of(
    st.booleans(), st.none(), st.text(alphabet="ab'} ", max_size=5), st.just(1.0), st.just(-2.5)
).map(Literal)


def nested(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        inner.map(Not),
        several.map(And),
        several.map(Or),
        st.tuples(st.sampled_from(["==", "!=", "<", ">="]), inner, inner).map(
            lambda parts: Compare(*parts)
        ),
        st.tuples(inner, st.sampled_from(["ref", "b-c"]).map(Literal)).map(
            lambda parts: Access(*parts)
        ),
        inner.map(Filter),
        st.tuples(st.sampled_from(["contains", "x"]), several).map(lambda parts: Call(*parts)),
    )


trees: st.SearchStrategy[Expression] = st.recursive(
    st.one_of(names, literals), nested, max_leaves=8
)


def printed_literal(value: bool | float | str | None) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "null" if value is None else str(value).lower()


def printed(tree: Expression) -> str:
    """An expression with every bracket that there can be."""
    text = ""
    match tree:
        case Literal(value):
            text = printed_literal(value)
        case Name(name):
            text = name
        case Access(of, key):
            text = f"({printed(of)})[{printed(key)}]"
        case Filter(of):
            text = f"({printed(of)}).*"
        case Call(function, arguments):
            text = f"{function}({', '.join(map(printed, arguments))})"
        case Not(operand):
            text = f"!({printed(operand)})"
        case And(operands) | Or(operands):
            operator = " && " if isinstance(tree, And) else " || "
            text = operator.join(f"({printed(each)})" for each in operands)
        case Compare(operator, left, right):
            text = f"({printed(left)}) {operator} ({printed(right)})"
        case Joined():
            raise AssertionError(tree)  # is a text with expressions in it, and none itself
    return text


@given(trees)
def test_what_is_printed_is_read_back(tree: Expression) -> None:
    assert parse(printed(tree)) == tree


# ---------------------------------------------------------------- whether it holds


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("github.ref == 'refs/heads/main'", True),
        ("github.ref == 'REFS/heads/MAIN'", True),
        ("github.ref != 'refs/heads/main'", False),
        ("${{ github.ref == 'refs/heads/x' }}", False),
        ("${{ github.ref == 'refs/heads/x' }} && a", True),
        ("${{ github.ref == 'refs/heads/x' }}\n", True),
        ("unknown || github.ref == 'refs/heads/x'", None),
        ("unknown && github.ref == 'refs/heads/x'", False),
        ("unknown || github.ref == 'refs/heads/main'", True),
        ("!(unknown && a)", True),
        ("(a || 'y') == 'y'", True),
        ("(a && 'y') == ''", True),
        ("(b && unknown) == 'y'", None),
        ("unknown == unknown", None),
        ("startsWith(github.ref, 'refs/heads/')", True),
        ("endsWith(github.ref, 'main')", True),
        ("contains(fromJSON('[\"refs/heads/main\"]'), github.ref)", True),
        ("contains(github.ref, 'tags')", False),
        ("format('{0}/{1}', b, 1) == 'x/1'", True),
        ("fromJSON('not json')", None),
        ("hashFiles('x') == ''", None),
        ("fromJSON('[1]') == 1", None),
        ("fromJSON('[true]') == fromJSON('[true]')", None),
        ("fromJSON('7') == 7", True),
        ("fromJSON('{}')", None),
        ("format('{0}{1}{2}', true, null, 1.5) == 'true1.5'", True),
        ("x${{ b }}", True),
        ("always() && a", False),
        ("success()", False),
        ("cancelled()", None),
        ("!cancelled()", None),
        ("null == 0", True),
        ("'' == 0", True),
        ("'a' == 0", False),
        ("true == 1", True),
        ("2 > 1", True),
        ("'a' >= 1", False),
        ("1 >= 1", True),
        ("'b' > 'A'", True),
        ("''", False),
        ("0", False),
        ("'false'", True),
        ("jobs.*.result", None),
    ],
)
def test_a_condition_is_true_false_or_open(text: str, truth: bool | None) -> None:
    assert holds(text) is truth


@given(trees)
def test_what_is_certain_stays_so_when_more_is_known(tree: Expression) -> None:
    before = Evaluator(lambda _: UNKNOWN, STATUS.get).truth(tree)
    after = Evaluator(lambda _: "text", STATUS.get).truth(tree)

    assert before is None or before is after


@given(trees)
def test_not_turns_it_round(tree: Expression) -> None:
    evaluator = Evaluator(lookup, STATUS.get)
    truth = evaluator.truth(tree)

    assert evaluator.truth(Not(tree)) is (None if truth is None else not truth)
