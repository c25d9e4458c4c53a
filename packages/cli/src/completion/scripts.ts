/** Shells that are completed. */
export type Shell = 'bash' | 'zsh' | 'fish'

// Each asks `nixen __complete` with the words before the cursor. The name that was typed is asked, so that an alias or a path works too.

/** The text of a script as it stands, with `@{` for the `${` of shells, which would be JavaScript's here. */
function script(text: TemplateStringsArray): string {
  return (text.raw[0] ?? '').replaceAll('@{', '${')
}

const bash = script`# nixen completion for bash
_nixen() {
  local cur words cword line
  local -a found=()
  # Colons belong to a query, not between words.
  if declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref -n := cur words cword
  else
    words=("@{COMP_WORDS[@]}") cword=$COMP_CWORD cur="@{COMP_WORDS[COMP_CWORD]}"
  fi
  # What was typed may be in quotes: the answer is about what is inside of them.
  local typed=("@{words[@]:1:cword}") quote=''
  case "$cur" in
    \'*|\"*) quote="@{cur:0:1}"; typed[cword-1]="@{cur:1}" ;;
  esac
  while IFS= read -r line; do
    line="@{line%%$'\t'*}"
    [ -n "$quote" ] || printf -v line '%q' "$line"
    found+=("$line")
  done < <("@{words[0]/#\~/$HOME}" __complete "@{typed[@]}" 2>/dev/null)
  COMPREPLY=("@{found[@]}")
  [[ "@{found[0]}" == *: ]] && compopt -o nospace 2>/dev/null
  # Readline replaces only what is behind the last colon.
  if [ "@{#COMPREPLY[@]}" -gt 0 ] && declare -F __ltrim_colon_completions >/dev/null; then
    __ltrim_colon_completions "$cur"
  elif [[ "$cur" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
    local before="@{cur%"@{cur##*:}"}" i
    for i in "@{!COMPREPLY[@]}"; do COMPREPLY[i]="@{COMPREPLY[i]#"$before"}"; done
  fi
}
complete -o default -F _nixen nixen
`

const zsh = script`#compdef nixen
# nixen completion for zsh
_nixen() {
  local line text brief
  local -a texts briefs typed=("@{(@Q)words[2,CURRENT]}")
  # A quote that is still open stays: the answer is about what is inside of it.
  typed[-1]=@{typed[-1]#[\"\']}
  while IFS= read -r line; do
    text="@{line%%$'\t'*}"
    brief="@{line#*$'\t'}"
    texts+=("$text")
    briefs+=("$text -- $brief")
  done < <("@{words[1]}" __complete "@{typed[@]}" 2>/dev/null)
  if (( @{#texts} )); then
    local -a nospace
    [[ "@{texts[1]}" == *: ]] && nospace=(-S '')
    compadd -l -d briefs $nospace -a texts
  else
    _files
  fi
}
if [ "$funcstack[1]" = "_nixen" ]; then _nixen "$@"; else compdef _nixen nixen; fi
`

const fish = script`# nixen completion for fish
function __nixen_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] __complete $words[2..-1] 2>/dev/null
end
complete -c nixen -f -a '(__nixen_complete)'
# Arguments that are files.
complete -c nixen -n '__fish_seen_subcommand_from disk repo' -F
`

/** The script of each shell. */
export const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish }
