"""Completion in bash, which cuts words where addresses have their marks: ``nightly@2026-11-19``."""

from __future__ import annotations

import os

from click.shell_completion import BashComplete, split_arg_string

# Of each answer bash wants only what comes after the last mark it has cut at; an @ belongs to what
# follows it, as bash has names of hosts in mind.
_SOURCE = """\
%(complete_func)s() {
    local line="${COMP_LINE:0:COMP_POINT}" type value
    local word="${line##*[[:space:]]}"
    local kept="${word%%"${word##*[@:=]}"}"
    kept="${kept%%@}"
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$kept"}") ;;
        esac
    done < <(env COMP_LINE="$line" %(complete_var)s=bash_complete "$1")
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class Bash(BashComplete):
    """Goes by the whole line; lines that were installed before send bash's own words."""

    source_template = _SOURCE

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get("COMP_LINE")
        if line is None:
            return super().get_completion_args()
        words = split_arg_string(line)
        begun = "" if line[-1:].isspace() else words.pop()
        return words[1:], begun
