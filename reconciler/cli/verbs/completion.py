"""osvc completion: what makes a shell complete osvc's words; the script asks osvc itself at each press of the key."""

from __future__ import annotations

import argparse

from reconciler.cli.complete import FILES, candidates
from reconciler.cli.display import say
from reconciler.cli.exits import Exit
from reconciler.cli.verb import Usage

BASH = r"""# osvc: completion for bash; osvc completion bash > /etc/bash_completion.d/osvc
_osvc() {
    local found
    mapfile -t found < <("$1" completion bash -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    if [[ ${found[0]-} == :files ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]#=}")
        found=("${found[@]:1}")
    else
        COMPREPLY=()
    fi
    COMPREPLY+=("${found[@]}")
}
complete -F _osvc osvc
"""

ZSH = r"""#compdef osvc
# osvc: completion for zsh; osvc completion zsh > a folder of $fpath/_osvc
_osvc() {
    local line about
    local -a found described
    found=("${(@f)$("$words[1]" completion zsh -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ $found[1] == :files ]]; then
        [[ $PREFIX == --*=* ]] && compset -P '*='
        _files
        shift found
    fi
    for line in $found; do
        about=
        [[ $line == *$'\t'* ]] && about=:${line#*$'\t'}
        described+=("${${line%%$'\t'*}//:/\\:}$about")
    done
    (( $#described )) && _describe -V osvc described
}
if [[ $funcstack[1] == _osvc ]]; then
    _osvc "$@"
else
    compdef _osvc osvc
fi
"""

FISH = r"""# osvc: completion for fish; osvc completion fish > /etc/fish/completions/osvc.fish
function __osvc_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found ($words[1] completion fish -- $words[2..-1] "$current" 2>/dev/null)
    if test "$found[1]" = :files
        __fish_complete_path "$current"
        set -e found[1]
    end
    printf '%s\n' $found
end
complete -c osvc -f -a '(__osvc_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def run(options: argparse.Namespace) -> Exit:
    """Print the script; or, with `-- WORDS…` behind the shell's name, what may complete the last of these words, one a line."""
    shell, words = options.shell, list(options.args)
    if not words:
        say(SCRIPTS[shell])
        return Exit.OK
    if words.pop(0) != "--":
        raise Usage(f"unexpected {options.args[0]!r}; osvc completion {shell} prints the script")
    typed = joined(words) if shell == "bash" else words
    found = candidates(typed)
    if shell == "bash":
        cut = _cut(words, typed)
        say("".join(f"{one.word[cut:] if one.word != FILES else FILES}\n" for one in found))
    else:
        say("".join(f"{one.word}\t{one.about}\n" if one.about else f"{one.word}\n" for one in found))
    return Exit.OK


def joined(words: list[str]) -> list[str]:
    """The words of a line as bash has them, which takes `--rid=web` for three."""
    out: list[str] = []
    for word in words:
        if out and out[-1].startswith("--") and (word == "=" or out[-1].endswith("=")):
            out[-1] += word
        else:
            out.append(word)
    return out


def _cut(words: list[str], typed: list[str]) -> int:
    """How many letters of a candidate bash has in words of their own already."""
    if not words or words[-1] == typed[-1]:
        return 0
    return typed[-1].index("=") + 1
