import type { Config } from './load.ts'
import { checkSetting, type Located } from './load.ts'
import { settingKeys, settingSpecs, type SettingKey, type Settings } from './settings.ts'

type Listener = (values: Settings) => void

/** The configuration while the server runs: settings that need no restart follow what is kept in the database. */
export class LiveConfig {
  #config: Config
  readonly #listeners = new Set<Listener>()

  constructor(config: Config) {
    this.#config = config
  }

  /** What is in use now. */
  get values(): Settings {
    return this.#config.values
  }

  /** What is in use now, and where it comes from. */
  get located(): Config['located'] {
    return this.#config.located
  }

  /** Calls `listener` after each change. */
  onChange(listener: Listener): void {
    this.#listeners.add(listener)
  }

  /** Takes over what is kept now, where it needs no restart and is not set from outside. */
  follow(stored: ReadonlyMap<string, unknown>): void {
    const located = settingKeys.map((key) => [
      key,
      isLive(key, this.located[key]) ? kept(key, stored) : this.located[key],
    ])
    const next = Object.fromEntries(located) as Config['located']
    // Every key is there, each parsed by its schema.
    const values = Object.fromEntries(settingKeys.map((key) => [key, next[key].value])) as unknown as Settings
    this.#config = { values, located: next }
    for (const listener of this.#listeners) listener(values)
  }
}

function isLive(key: SettingKey, { source }: Located): boolean {
  return !settingSpecs[key].restart && (source === 'database' || source === 'default')
}

function kept(key: SettingKey, stored: ReadonlyMap<string, unknown>): Located {
  const checked = stored.has(key) ? checkSetting(key, stored.get(key)) : undefined
  return checked?.ok === true
    ? { value: checked.value, source: 'database', origin: 'settings' }
    : { value: settingSpecs[key].default, source: 'default' }
}
