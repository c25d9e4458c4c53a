import { closest, settingsErrors, type Setting } from '@nixen/api'
import type { LiveConfig } from '../../config/live.ts'
import { checkSetting } from '../../config/load.ts'
import { isSettingKey, settingKeys, settingSpecs } from '../../config/settings.ts'
import { readSettings } from '../../config/stored.ts'
import type { Db } from '../../db/tables.ts'
import type { GroupHandlers } from '../../http/handler.ts'

export interface SettingsPorts {
  readonly db: Db
  readonly config: LiveConfig
}

/** Settings: what is set from outside is only shown. */
export function settingsHandlers({ db, config }: SettingsPorts): GroupHandlers<'settings'> {
  const list = async (): Promise<{ items: Setting[] }> => {
    const stored = await readSettings(db)
    return { items: settingKeys.map((key) => settingOf(key, config, stored)) }
  }
  return {
    list,
    async update({ input: { values } }) {
      const changes = Object.entries(values).map(([key, value]) => {
        if (!isSettingKey(key)) throw settingsErrors.unknown({ key, suggestion: closest(key, settingKeys) })
        const { readOnly, origin } = settingOf(key, config, new Map())
        if (readOnly) throw settingsErrors.read_only({ key, origin: origin ?? 'the command line' })
        const checked = value === null ? { ok: true, value } : checkSetting(key, value)
        if ('reason' in checked) throw settingsErrors.invalid({ key, reason: checked.reason })
        return { key, value }
      })
      await db.transaction().execute(async (state) => {
        for (const { key, value } of changes) {
          await state.deleteFrom('settings').where('key', '=', key).execute()
          if (value === null) continue
          await state
            .insertInto('settings')
            .values({ key, value_json: JSON.stringify(value) })
            .execute()
        }
      })
      config.follow(await readSettings(db))
      return await list()
    },
  }
}

function settingOf(
  key: (typeof settingKeys)[number],
  { located }: LiveConfig,
  stored: ReadonlyMap<string, unknown>,
): Setting {
  const { doc, default: standard, restart, outside = false, secret = false } = settingSpecs[key]
  const { value, source, origin } = located[key]
  const fromOutside = source === 'flag' || source === 'environment' || source === 'file'
  const kept = stored.has(key) && !fromOutside
  return {
    key,
    description: doc,
    // Whether it is set at all may be known.
    value: secret ? undefined : kept ? stored.get(key) : value,
    default: standard,
    source: kept ? 'database' : source,
    ...(origin === undefined ? {} : { origin }),
    readOnly: fromOutside || outside,
    secret,
    restart,
  }
}
