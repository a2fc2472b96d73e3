"""The environment templates are rendered in: an allow-list of the language, run on an allowance.

Everything that makes a value or goes round once more is paid for from one allowance per rendering,
before it is done, so neither memory nor time can run away: not by ``'x' * 10**9``, not by nested
loops, not by a list that doubles itself. What cannot be paid for in advance is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, wraps
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer

from bydawn.core.allowance import (
    ALLOWANCE,
    GROWING,
    OWN_FILTERS,
    allowance,
    settled,
    shown,
    size_of_result,
    spend,
    weigh,
)
from bydawn.core.errors import TemplateError

OUTPUT_LIMIT = 1_000_000
_KEPT_TEMPLATES = 512
_NAMED_KEYS = 12


def rendered(text: str, names: Mapping[str, Any]) -> str:
    """``text`` rendered, or TemplateError."""
    try:
        with allowance(ALLOWANCE + len(text)):
            return _joined(_compiled(text).generate(names))
    except TemplateSyntaxError as error:
        raise TemplateError(error.message or "wrong", "syntax", error.lineno) from None
    except UndefinedError as error:
        raise TemplateError(error.message or "undefined", "undefined") from None
    except RecursionError:
        raise TemplateError("it is nested too deeply") from None
    except Exception as error:
        raise TemplateError(str(error) or type(error).__name__) from None


def _joined(pieces: Iterator[str]) -> str:
    whole = []
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > OUTPUT_LIMIT:
            raise SecurityError(f"it makes more than {OUTPUT_LIMIT} characters")
        whole.append(piece)
    return "".join(whole)


class _Undefined(StrictUndefined):
    """A name that is not there, said in plain words."""

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return str(self._undefined_hint)
        if isinstance(self._undefined_obj, dict):
            return f'there is no "{self._undefined_name}"' + _known(self._undefined_obj)
        if self._undefined_obj is missing:
            return f'"{self._undefined_name}" is not defined'
        return f'a {type(self._undefined_obj).__name__} has no "{self._undefined_name}"'


def _known(table: dict[Any, Any]) -> str:
    listed = ", ".join(str(name)[:40] for name in list(table)[:_NAMED_KEYS])
    more = ", …" if len(table) > _NAMED_KEYS else ""
    return f" among {listed}{more}" if listed else ""


_METHODS = {
    str: {
        "capitalize", "count", "endswith", "find", "isdigit", "join", "lower", "lstrip",
        "removeprefix", "removesuffix", "replace", "rsplit", "rstrip", "split", "splitlines",
        "startswith", "strip", "title", "upper",
    },
    dict: {"get", "items", "keys", "values"},
    list: {"count", "index"},
}  # fmt: skip

_FILTERS = {
    "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items",
    "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse",
    "select", "selectattr", "sort", "string", "title", "trim", "truncate", "unique", "upper",
    "urlencode", "wordcount",
}  # fmt: skip
_LANGUAGE = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.For, nodes.If, nodes.Assign,
    nodes.With, nodes.Name, nodes.Const, nodes.Tuple, nodes.List, nodes.Dict, nodes.Pair,
    nodes.Keyword, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Call, nodes.Getitem,
    nodes.Getattr, nodes.Slice, nodes.Compare, nodes.Operand, nodes.BinExpr, nodes.UnaryExpr,
    nodes.Concat,
)  # fmt: skip


def _paid(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """A filter of the library whose arguments are settled first."""

    @wraps(filter_)
    def paid(*args: Any, **options: Any) -> Any:
        given = [settled(each) for each in args]
        return filter_(*given, **{name: settled(value) for name, value in options.items()})

    return paid


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)

    def __init__(self) -> None:
        super().__init__(
            undefined=_Undefined, finalize=shown, keep_trailing_newline=True, autoescape=False
        )
        self.globals = {"range": self.globals["range"]}
        library = {name: _paid(self.filters[name]) for name in _FILTERS}
        self.filters = {**library, **OWN_FILTERS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A table's own entry comes before a method of the same name."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if callable(value):
            return any(isinstance(obj, kind) and attr in _METHODS[kind] for kind in _METHODS)
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, _value: Any) -> None:
        """Formatting can ask for any width: ``format`` gets no way round the allowed methods."""

    def unsafe_undefined(self, obj: Any, attribute: str) -> Any:
        hint = f'"{attribute}" of a {type(obj).__name__} is not for templates'
        return self.undefined(hint, obj=obj, name=attribute)

    def call_binop(self, _scope: Any, operator: str, left: Any, right: Any) -> Any:
        spend(size_of_result(operator, left, right))
        return self.binop_table[operator](left, right)

    def call(self, scope: Any, obj: Any, /, *args: Any, **options: Any) -> Any:
        own = getattr(obj, "__self__", None)
        weigh([own, *args, *options.values()])
        growing = GROWING.get(getattr(obj, "__name__", "")) if isinstance(own, str) else None
        if growing is not None:
            return growing(own, *args, **options)
        return super().call(scope, obj, *args, **options)


class _Paying(NodeTransformer):
    """Refuses what is not in the language; sends loops, bindings and joins through a filter."""

    def visit(self, node: nodes.Node, *args: Any, **options: Any) -> Any:
        if not isinstance(node, _LANGUAGE) or getattr(node, "recursive", False):
            kind = type(node).__name__.lower()
            raise TemplateSyntaxError(f'"{kind}" is not part of the templates here', node.lineno)
        return super().visit(node, *args, **options)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        node.iter = _through("laps", node.iter)
        return self.generic_visit(node)

    def visit_Assign(self, node: nodes.Assign) -> nodes.Node:  # noqa: N802
        node.node = _through("settled", node.node)
        return self.generic_visit(node)

    def visit_With(self, node: nodes.With) -> nodes.Node:  # noqa: N802
        node.values = [_through("settled", value) for value in node.values]
        return self.generic_visit(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _through("~", nodes.List(node.nodes, lineno=node.lineno))


def _through(name: str, node: nodes.Node) -> nodes.Filter:
    assert isinstance(node, nodes.Expr)
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


@lru_cache(maxsize=1)
def _environment() -> _Environment:
    return _Environment()


@lru_cache(maxsize=_KEPT_TEMPLATES)
def _compiled(text: str) -> Template:
    environment = _environment()
    return environment.from_string(_Paying().visit(environment.parse(text)))
