"""What a shell reads once, so that it asks `harness __complete` afterwards."""

from __future__ import annotations

#: In bash, `=` ends a word: what stands before it must be taken off the candidates, unless the word is quoted.
BASH = r"""# Completion of harness for bash: source <(harness completion bash)
_harness() {
    local line="${COMP_LINE:0:COMP_POINT}" current="${COMP_WORDS[COMP_CWORD]}" prefix="" word i
    local IFS=$' \t\n'
    local -a words=() found=()
    # Join what the word breaks have taken apart; quotes are no part of a word.
    read -ra words <<< "$line"
    for ((i = 0; i < ${#words[@]}; i++)); do words[i]="${words[i]//[\'\"\\]/}"; done
    [[ -z $line || $line == *[[:space:]] ]] && words+=("")
    word="${words[${#words[@]} - 1]}"
    if [[ $COMP_WORDBREAKS == *=* && $word == *=* && $current != [\'\"]* ]]; then
        prefix="${word%%=*}="
    fi
    while IFS= read -r word; do
        found+=("$word")
    done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete "${words[@]:1}" 2>/dev/null)
    COMPREPLY=()
    for ((i = 0; i < ${#found[@]}; i++)); do
        word="${found[i]%%$'\t'*}"
        COMPREPLY+=("${word#"$prefix"}")
    done
    # Behind a key comes its value, and behind a value in brackets another one.
    case "${found[0]%%$'\t'*}" in *= | *. | *=\[*) compopt -o nospace 2>/dev/null ;; esac
    return 0
}
complete -o default -F _harness harness
"""

ZSH = r"""#compdef harness
# Completion of harness for zsh: source <(harness completion zsh), behind compinit
_harness() {
    local line text about
    local -a open closed open_about closed_about
    local typed="${(Q)PREFIX}"
    for line in "${(@f)$("${(Q)words[1]/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT-1]}" "$typed" 2>/dev/null)}"; do
        text="${line%%$'\t'*}"
        about="${line#*$'\t'}"
        [[ -z $text ]] && continue
        case "$text" in
            (*=|*.|*=\[*) open+=("$text"); open_about+=("$text${about:+  -- $about}") ;;
            (*) closed+=("$text"); closed_about+=("$text${about:+  -- $about}") ;;
        esac
    done
    if (( $#open + $#closed )); then
        (( $#closed )) && compadd -l -d closed_about -- "${closed[@]}"
        (( $#open )) && compadd -l -S '' -d open_about -- "${open[@]}"
        return 0
    fi
    compset -P '*='
    _files
}
compdef _harness harness
"""

FISH = r"""# Completion of harness for fish: harness completion fish | source
function __harness_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l found ($words[1] __complete $words[2..-1] (string replace -ra '[\'"\\\\]' '' -- $typed) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path $typed
    end
end
complete -c harness -f -a '(__harness_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
