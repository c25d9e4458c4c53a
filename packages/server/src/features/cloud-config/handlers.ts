import { cloudConfigErrors, newOwnId, type CloudConfig, type CloudConfigId } from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { Db } from '../../db/tables.ts'
import type { GroupHandlers } from '../../http/handler.ts'

export interface CloudConfigPorts {
  readonly db: Db
  readonly clock: Clock
}

/** Saved configurations for cloud-init. */
export function cloudConfigHandlers({ db, clock }: CloudConfigPorts): GroupHandlers<'cloudConfig'> {
  return {
    list: async () => ({ items: await load(db) }),
    get: async ({ params: { id } }) => await demandOne(db, id),
    async create({ input, info }) {
      const id: CloudConfigId = newOwnId<'cloud-config'>()
      const config = clean({ ...input, id, created: clock.now() })
      info.note({ on: id, onName: config.name })
      await put(db, config)
      return config
    },
    async update({ params: { id }, input, info }) {
      const old = await demandOne(db, id)
      const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
      const config = clean({ ...old, ...given })
      info.note({ on: id, onName: config.name })
      await put(db, config)
      return config
    },
    async delete({ params: { id }, info }) {
      const { name } = await demandOne(db, id)
      info.note({ on: id, onName: name })
      await db.deleteFrom('cloud_configs').where('id', '=', id).execute()
      return undefined
    },
  }
}

type Loose = Omit<CloudConfig, 'description' | 'network'> & {
  readonly description?: string | undefined
  readonly network?: string | undefined
}

/** Empty texts are left out. */
function clean({ description, network, ...config }: Loose): CloudConfig {
  return { ...config, ...(description ? { description } : {}), ...(network ? { network } : {}) }
}

async function load(db: Db): Promise<CloudConfig[]> {
  const rows = await db.selectFrom('cloud_configs').select('config_json').orderBy('name_key').execute()
  // Written below.
  return rows.map(({ config_json }) => JSON.parse(config_json) as CloudConfig)
}

async function demandOne(db: Db, id: CloudConfigId): Promise<CloudConfig> {
  const row = await db.selectFrom('cloud_configs').select('config_json').where('id', '=', id).executeTakeFirst()
  if (!row) throw cloudConfigErrors.not_found({ id })
  // Written below.
  return JSON.parse(row.config_json) as CloudConfig
}

/** Names differ by more than capitals. @throws cloud_config.exists */
async function put(db: Db, config: CloudConfig): Promise<void> {
  const { id, name, created } = config
  const row = { name_key: name.normalize('NFC').toLowerCase(), config_json: JSON.stringify(config), created }
  await db.transaction().execute(async (state) => {
    const same = await state
      .selectFrom('cloud_configs')
      .select('id')
      .where('name_key', '=', row.name_key)
      .executeTakeFirst()
    if (same && same.id !== id) throw cloudConfigErrors.exists({ name })
    const { numUpdatedRows } = await state.updateTable('cloud_configs').set(row).where('id', '=', id).executeTakeFirst()
    if (numUpdatedRows === 0n)
      await state
        .insertInto('cloud_configs')
        .values({ id, ...row })
        .execute()
  })
}
