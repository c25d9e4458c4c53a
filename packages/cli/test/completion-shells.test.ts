import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scripts, type Shell } from '../src/completion/scripts.ts'
import { main } from './run-nixen.ts'

// The scripts run in the shells that they are for; the tests of what is offered are with the verbs. A shell that is not installed is left out: fish,
// which needs Python and groff, is not among the packages of the tests.

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nixen-shells-'))
  writeFileSync(join(folder, 'nixen'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
  chmodSync(join(folder, 'nixen'), 0o755)
  for (const [shell, text] of Object.entries(scripts)) writeFileSync(join(folder, `completion.${shell}`), text)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs a text in each shell on a line that was typed so far, the cursor at its end. */
const runs: Readonly<Record<Shell, (words: readonly string[]) => readonly string[]>> = {
  // As readline does: the function finds the words in variables.
  bash: (words) => [
    '--norc',
    '-c',
    'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _nixen; printf "%s\\n" "${COMPREPLY[@]}"',
    'bash',
    join(folder, 'completion.bash'),
    ...words,
  ],
  // `compadd` works inside of the line editor only: here it says what it was given.
  zsh: (words) => [
    '-f',
    '-c',
    'compdef() { :; }; compadd() { print -rl -- $texts; }; _files() { :; }; source $1; shift; words=("$@"); CURRENT=$#; _nixen',
    'zsh',
    join(folder, 'completion.zsh'),
    ...words,
  ],
  // The shell itself completes, as on Tab.
  fish: (words) => [
    '--no-config',
    '-c',
    'source $argv[1]; complete -C $argv[2]',
    join(folder, 'completion.fish'),
    words.join(' '),
  ],
}

const isThere = (shell: Shell): boolean => spawnSync(shell, ['--version']).error === undefined

describe.each(['bash', 'zsh', 'fish'] as const)('%s', (shell) => {
  test.skipIf(!isThere(shell)).each([
    [['v'], 'vm'],
    [['vm', 'li'], 'list'],
    [['vm', 'list', '-q', 'powe'], 'power:'],
    [['vm', 'list', '-q', shell === 'fish' ? "'tag:prod power:ru" : '"tag:prod power:ru'], 'tag:prod power:running'],
  ])(
    'offers, after %j, %s',
    (words, offered) => {
      const env = { HOME: folder, PATH: `${folder}:${process.env['PATH']}`, NIXEN_STATE_DIR: join(folder, 'none') }
      const text = execFileSync(shell, runs[shell](['nixen', ...words]), { env, encoding: 'utf8', timeout: 60_000 })
      const found = text.split('\n').map((line) => line.split('\t')[0]?.replaceAll(/^['"]|\\(?=[ :])/g, ''))
      expect(found).toContain(offered)
    },
    60_000,
  )
})
