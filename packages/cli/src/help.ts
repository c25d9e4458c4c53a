import type { Routes } from './api/routes.ts'
import { nixenVersion } from './version.ts'

/** Which commands stand together on the first page of help, by their first words. What is missing here comes last. */
const sections: readonly (readonly [title: string, words: readonly string[]])[] = [
  ['Run a server', ['serve', 'setup', 'doctor', 'state']],
  ['Choose a server', ['login', 'logout', 'profile', 'whoami', 'about', 'health']],
  [
    'What runs',
    [
      'vm',
      'template',
      'snapshot',
      'disk',
      'nic',
      'host',
      'pool',
      'storage',
      'network',
      'connection',
      'bulk',
      'task',
      'alarm',
    ],
  ],
  ['Who may do what', ['user', 'group', 'role', 'token', 'audit', 'settings', 'query']],
  ['Backups', ['job', 'run', 'point', 'repository', 'repo']],
]
const others = 'More'

const examples: readonly (readonly [command: string, what: string])[] = [
  ['nixen serve --simulate', 'try Nixen with a simulated pool'],
  ['nixen connection add xapi https://xcp-1.example.net', 'connect a pool'],
  ['nixen connection add qemu:///system', 'connect the libvirt of this machine'],
  ["nixen vm list -q 'power:running memory:>8GiB'", 'find VMs'],
  ['nixen vm list --json | jq -r .items[].name', 'use the answer in a script'],
  ['nixen repo backup --repo /backup disk.qcow2', 'back an image up'],
  ['nixen doctor', 'find out what is wrong'],
]

/** The first page of help: every command in its section, one line each, and examples. */
export function rootHelp(routes: Routes): string {
  const known = new Set(sections.flatMap(([, words]) => words))
  const rest = Object.keys(routes).filter((word) => !known.has(word))
  const all = [...sections, [others, rest] as const]
  const width = Math.max(...Object.keys(routes).map((word) => word.length))
  const lines = all.map(([title, words]) => {
    const present = words.flatMap((word) => {
      const route = routes[word]
      return route ? [`  ${word.padEnd(width)}  ${route.brief}`] : []
    })
    return present.length === 0 ? '' : `${title.toUpperCase()}\n${present.join('\n')}\n`
  })
  const longest = Math.max(...examples.map(([command]) => command.length))
  return [
    `Nixen ${nixenVersion}: virtual machines on Xen and KVM hosts, and their backups\n`,
    'USAGE\n  nixen COMMAND [ARGUMENTS] [FLAGS]\n  nixen COMMAND --help        what a command does, and its flags\n',
    ...lines.filter((text) => text !== ''),
    `EXAMPLES\n${examples.map(([command, what]) => `  ${command.padEnd(longest)}  ${what}`).join('\n')}\n`,
    'Every command takes --json. Objects are named by id, by a name that only one has, or as POOL/NAME.',
    'All commands and exit codes: docs/reference/cli.md.',
  ].join('\n')
}
