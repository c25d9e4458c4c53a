// Makes nix/lib/settings.json, from which the NixOS module knows every setting. --verify: fails when the committed file differs.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { settingKeys, settingSpecs, type SettingKey, type SettingSpec } from '../src/config/settings.ts'

const target = fileURLToPath(new URL('../../../nix/lib/settings.json', import.meta.url))

/** What a module needs to know of a setting: the form of what is written in the file, and what it is about. */
function describe(key: SettingKey): object {
  const spec: SettingSpec = settingSpecs[key]
  const { $schema: _, ...schema } = z.toJSONSchema(spec.schema, { io: 'input', unrepresentable: 'any' })
  const value: unknown = spec.default
  // A number is coerced from anything that looks like one; in TOML it is written as a number.
  const form = typeof value === 'number' && Object.keys(schema).length === 0 ? bounds(spec) : schema
  return { ...form, default: value, doc: spec.doc, secret: spec.secret === true }
}

function bounds({ schema }: SettingSpec): object {
  const { minimum, maximum } = z.toJSONSchema(schema, { io: 'output' })
  return { type: 'integer', minimum, ...(maximum === Number.MAX_SAFE_INTEGER ? {} : { maximum }) }
}

const wanted = `${JSON.stringify(Object.fromEntries(settingKeys.map((key) => [key, describe(key)])), null, 2)}\n`
if (!process.argv.includes('--verify')) writeFileSync(target, wanted)
else if (!existsSync(target) || readFileSync(target, 'utf8') !== wanted) {
  console.error('nix/lib/settings.json is not what the code says. Run "npm run gen" and commit it.')
  process.exitCode = 1
}
