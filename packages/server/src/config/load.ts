import { readFileSync } from 'node:fs'
import { isRecord, messageOf } from '@nixen/core'
import { parse, TomlError } from 'smol-toml'
import type { z } from 'zod'
import { serverErrors } from '../errors.ts'
import {
  flagOf,
  isSettingKey,
  settingKeys,
  settingSpecs,
  variableOf,
  type SettingKey,
  type Settings,
} from './settings.ts'

/** Where values come from, strongest first: flags, `NIXEN_*`, a TOML file, the database. */
export interface ConfigSources {
  /** By key: `server.port`. Text as typed, or values. */
  readonly flags?: Readonly<Partial<Record<string, unknown>>> | undefined
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** Path of the TOML file. */
  readonly file?: string | undefined
  readonly database?: ReadonlyMap<string, unknown> | undefined
}

/** A value and where it comes from. */
export interface Located {
  readonly value: unknown
  readonly source: 'flag' | 'environment' | 'file' | 'database' | 'default'
  /** `--set server.port`, `NIXEN_SERVER_PORT`, the file; absent for the database and defaults. */
  readonly origin?: string
}

export interface Config {
  readonly values: Settings
  readonly located: Readonly<Record<SettingKey, Located>>
}

/**
 * Reads the configuration. Unknown keys are refused wherever they stand, so that a misspelt one is not silently without effect.
 *
 * @throws server.bad_setting, server.bad_file
 */
export function loadConfig(sources: ConfigSources): Config {
  const file = sources.file === undefined ? new Map<string, unknown>() : readFile(sources.file)
  refuseUnknown(sources, file)
  const located = Object.fromEntries(settingKeys.map((key) => [key, locate(key, sources, file)]))
  const values = Object.fromEntries(settingKeys.map((key) => [key, located[key]?.value]))
  // Every key is there, each parsed by its schema.
  return { values: values as Settings, located: located as Record<SettingKey, Located> }
}

function locate(
  key: SettingKey,
  { flags, environment, file, database }: ConfigSources,
  inFile: ReadonlyMap<string, unknown>,
): Located {
  const flag = flags?.[key]
  if (flag !== undefined) return given(key, flag, { source: 'flag', origin: flagOf(key) })
  const variable = environment?.[variableOf(key)]
  if (variable !== undefined) return given(key, variable, { source: 'environment', origin: variableOf(key) })
  if (inFile.has(key)) return given(key, inFile.get(key), { source: 'file', origin: file ?? '' })
  if (database?.has(key)) return given(key, database.get(key), { source: 'database', origin: 'settings' })
  return { value: settingSpecs[key].default, source: 'default' }
}

function given(
  key: SettingKey,
  value: unknown,
  { source, origin }: { source: Located['source']; origin: string },
): Located {
  const checked = checkSetting(key, value)
  if (!checked.ok) throw serverErrors.bad_setting({ key, origin, reason: checked.reason })
  return { value: checked.value, source, origin }
}

/** Parses a value by its key. Text from flags and the environment may be a list with commas. */
export function checkSetting(
  key: SettingKey,
  value: unknown,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string } {
  const schema: z.ZodType = settingSpecs[key].schema
  const isList = Array.isArray(settingSpecs[key].default)
  const listed =
    isList && typeof value === 'string'
      ? value
          .split(',')
          .map((part) => part.trim())
          .filter(Boolean)
      : value
  const result = schema.safeParse(listed)
  if (result.success) return { ok: true, value: result.data }
  return { ok: false, reason: result.error.issues.map(({ message }) => message).join('; ') }
}

function refuseUnknown(
  { flags = {}, environment = {}, file }: ConfigSources,
  inFile: ReadonlyMap<string, unknown>,
): void {
  const reason = 'There is no such setting; docs/reference/configuration.md lists all.'
  for (const key of Object.keys(flags))
    if (!isSettingKey(key)) throw serverErrors.bad_setting({ key, origin: 'flag', reason })
  for (const key of inFile.keys()) {
    if (!isSettingKey(key)) throw serverErrors.bad_setting({ key, origin: file ?? '', reason })
  }
  const variables = new Set(settingKeys.map((key) => variableOf(key)))
  const groups = new Set(settingKeys.map((key) => `NIXEN_${key.slice(0, key.indexOf('.')).toUpperCase()}_`))
  for (const name of Object.keys(environment)) {
    // Other parts have variables of their own (NIXEN_STATE_DIR); only ours are judged.
    if (!variables.has(name) && [...groups].some((group) => name.startsWith(group))) {
      throw serverErrors.bad_setting({ key: name, origin: 'environment', reason })
    }
  }
}

function readFile(path: string): ReadonlyMap<string, unknown> {
  try {
    const found = new Map<string, unknown>()
    flatten(parse(readFileSync(path, 'utf8')), '', found)
    return found
  } catch (cause) {
    const at = cause instanceof TomlError ? ` (line ${cause.line})` : ''
    const [reason = ''] = messageOf(cause).split('\n')
    throw serverErrors.bad_file({ path, reason: `${reason}${at}` }, { cause })
  }
}

function flatten(table: unknown, prefix: string, found: Map<string, unknown>): void {
  if (!isRecord(table)) return
  for (const [key, value] of Object.entries(table)) {
    if (isRecord(value)) flatten(value, `${prefix}${key}.`, found)
    else found.set(prefix + key, value)
  }
}
