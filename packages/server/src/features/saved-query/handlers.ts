import {
  demandQuery,
  inventoryTypes,
  newOwnId,
  parseSort,
  queryTable,
  savedQueryErrors,
  type InventoryType,
  type SavedQuery,
  type SavedQueryId,
  type UserId,
} from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { Selectable } from 'kysely'
import type { Db, Tables } from '../../db/tables.ts'
import type { GroupHandlers } from '../../http/handler.ts'

export interface SavedQueryPorts {
  readonly db: Db
  readonly clock: Clock
}

/** Queries that people gave a name. */
export function savedQueryHandlers({ db, clock }: SavedQueryPorts): GroupHandlers<'savedQuery'> {
  const check = (type: string, q: string, sort: string | undefined): void => {
    const table = queryTable(inventoryTypes.find((known) => known === type) ?? ('vm' satisfies InventoryType))
    demandQuery(q, table, { now: clock.now() })
    parseSort(sort, table)
  }
  const put = async (query: SavedQuery): Promise<SavedQuery> => {
    check(query.type, query.q, query.sort)
    await db.transaction().execute(async (state) => {
      const same = await state
        .selectFrom('saved_queries')
        .select('id')
        .where('owner', '=', query.owner)
        .where('name', '=', query.name)
        .executeTakeFirst()
      if (same && same.id !== query.id) throw savedQueryErrors.exists({ name: query.name })
      await state.deleteFrom('saved_queries').where('id', '=', query.id).execute()
      if (query.default) {
        // One default for each type.
        await state
          .updateTable('saved_queries')
          .set({ is_default: 0 })
          .where('owner', '=', query.owner)
          .where('type', '=', query.type)
          .execute()
      }
      await state.insertInto('saved_queries').values(toRow(query)).execute()
    })
    return query
  }
  return {
    list: async ({ who }) => ({
      items: (await load(db)).filter(({ owner, shared }) => shared || owner === who.user.id),
    }),
    async create({ input: { shared = false, default: isDefault = false, ...fields }, who, info }) {
      const id: SavedQueryId = newOwnId<'saved-query'>()
      info.note({ on: id, onName: fields.name })
      return await put(clean({ ...fields, id, owner: who.user.id, shared, default: isDefault }))
    },
    async update({ params: { id }, input, who }) {
      const old = await demandOwn(db, id, who.user.id)
      const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
      return await put(clean({ ...old, ...given }))
    },
    async delete({ params: { id }, who }) {
      await demandOwn(db, id, who.user.id)
      await db.deleteFrom('saved_queries').where('id', '=', id).execute()
      return undefined
    },
  }
}

type Loose = { [K in keyof SavedQuery]: SavedQuery[K] | (undefined extends SavedQuery[K] ? undefined : never) }

function clean({ sort, columns, ...query }: Loose): SavedQuery {
  return { ...query, ...(sort === undefined ? {} : { sort }), ...(columns === undefined ? {} : { columns }) }
}

async function load(db: Db): Promise<SavedQuery[]> {
  const rows = await db.selectFrom('saved_queries').selectAll().orderBy('name').execute()
  return rows.map((row) => fromRow(row))
}

function fromRow({
  sort,
  columns_json: columns,
  shared,
  is_default: isDefault,
  ...row
}: Selectable<Tables['saved_queries']>): SavedQuery {
  return {
    ...row,
    ...(sort === null ? {} : { sort }),
    // Written below.
    ...(columns === null ? {} : { columns: JSON.parse(columns) as string[] }),
    shared: shared === 1,
    default: isDefault === 1,
  }
}

/** One that `owner` may change: that of somebody else is not there. */
async function demandOwn(db: Db, id: SavedQueryId, owner: UserId): Promise<SavedQuery> {
  const query = (await load(db)).find((candidate) => candidate.id === id && candidate.owner === owner)
  if (!query) throw savedQueryErrors.not_found({ id })
  return query
}

function toRow({ id, owner, name, type, q, sort, columns, shared, default: isDefault }: SavedQuery) {
  return {
    id,
    owner,
    name,
    type,
    q,
    sort: sort ?? null,
    columns_json: columns ? JSON.stringify(columns) : null,
    shared: Number(shared),
    is_default: Number(isDefault),
  }
}
