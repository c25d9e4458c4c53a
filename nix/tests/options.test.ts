import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { evaluate, root } from './nix.ts'

interface Option {
  readonly name: string
  readonly type: string
  readonly description: string
  readonly default: string | null
  readonly example: string | null
}

const titles = {
  appliance: [
    'The appliance: `services.nixen`',
    '`nixosModules.appliance`. What is said of it in tasks: [NixOS](../guide/nixos.md).',
  ],
  host: ['The host: `virtualisation.nixen`', '`nixosModules.host`.'],
  guest: ['The guest: `services.nixen-guest`', '`nixosModules.guest`.'],
} as const

function page(all: Readonly<Record<keyof typeof titles, readonly Option[]>>): string {
  const parts = Object.entries(titles).map(([module, [title, about]]) => {
    // The keys of both are the same.
    const options = all[module as keyof typeof titles]
    return `## ${title}\n\n${about}\n\n${options.map((option) => section(option)).join('\n')}`
  })
  return `# Options of the NixOS modules

Made from the modules by \`NIXEN_UPDATE_GOLDEN=1 npm run test:nix\`. \`<name>\` is a name of your own. A default can be overridden by a plain assignment anywhere.

${parts.join('\n')}`
}

function section({ name, type, description, default: fallback, example }: Option): string {
  const lines = [
    `- Type: ${type}`,
    ...(fallback === null ? ['- It has to be set.'] : [`- Default: ${code(fallback)}`]),
    ...(example === null ? [] : [`- Example: ${code(example)}`]),
  ]
  return `### ${name.replaceAll('<', '\\<')}\n\n${plain(description)}\n\n${lines.join('\n')}\n`
}

function plain(text: string): string {
  return text
    .trim()
    .replaceAll(/\{option\}(`[^`]+`)/g, '$1')
    .replaceAll(/\s*\n\s*/g, ' ')
}

function code(text: string): string {
  const line = text.trim().replaceAll(/\s*\n\s*/g, ' ')
  return line.includes('`') ? line : `\`${line}\``
}

test('the reference of options is what the modules say', async () => {
  const { code: status, stdout, stderr } = await evaluate(`import ${root}nix/tests/options.nix`)
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  // The harness of this folder has made it.
  const wanted = page(JSON.parse(stdout) as Record<keyof typeof titles, readonly Option[]>)
  const file = `${root}docs/reference/nixos-options.md`
  if (process.env['NIXEN_UPDATE_GOLDEN'] === '1') writeFileSync(file, wanted)
  expect(readFileSync(file, 'utf8')).toBe(wanted)
})

test('a page for those who come from NiXOA has each of its options, with what there is in its place', () => {
  const guide = readFileSync(`${root}docs/guide/from-nixoa.md`, 'utf8')
  const former = JSON.parse(readFileSync(`${root}nix/modules/appliance/former.json`, 'utf8')) as Record<string, string>
  expect(Object.keys(former).filter((name) => name.includes('.') && !guide.includes(`\`${name}\``))).toEqual([])
})
