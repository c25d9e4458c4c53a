import { newOwnId, type ChannelId, type Delivery } from '@nixen/api'
import type { Db } from '../db/tables.ts'
import type { Message } from './message.ts'

/** A message that waits in a channel. */
export interface WaitingDelivery {
  readonly id: string
  readonly message: Message
  readonly created: number
  readonly tries: number
  readonly next: number
}

/** What is known of how a channel does. */
export interface ChannelFigures {
  readonly waiting: number
  readonly lastSent?: number | undefined
  readonly lastFailure?: { readonly at: number; readonly message: string } | undefined
}

/** Writes messages down for channels; inside of the transaction that makes them true, where there is one. */
export async function addDeliveries(
  db: Db,
  channels: readonly ChannelId[],
  messages: readonly Message[],
  now: number,
): Promise<void> {
  const rows = channels.flatMap((channel_id) =>
    messages.map((message) => ({
      id: newOwnId<'delivery'>(),
      channel_id,
      subject: message.subject,
      message_json: JSON.stringify(message),
      state: 'waiting' as const,
      created: now,
      next_try: now,
      tries: 0,
    })),
  )
  if (rows.length > 0) await db.insertInto('deliveries').values(rows).execute()
}

/** Messages on their way. */
export class DeliveryStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** The message that is due first in a channel. */
  async first(channel: ChannelId): Promise<WaitingDelivery | undefined> {
    const row = await this.#db
      .selectFrom('deliveries')
      .select(['id', 'message_json', 'created', 'tries', 'next_try'])
      .where('channel_id', '=', channel)
      .where('state', '=', 'waiting')
      .orderBy('next_try')
      .orderBy('created')
      .limit(1)
      .executeTakeFirst()
    if (!row) return undefined
    const { id, created, tries, next_try: next } = row
    // Written by `addDeliveries`.
    return { id, created, tries, next, message: JSON.parse(row.message_json) as Message }
  }

  async sent(id: string, { at, answer }: { readonly at: number; readonly answer: string }): Promise<void> {
    await this.#db
      .updateTable('deliveries')
      .set(({ eb }) => ({ state: 'sent', finished: at, answer, tries: eb('tries', '+', 1) }))
      .where('id', '=', id)
      .execute()
  }

  /** It failed and is tried again at `next`. */
  async later(
    id: string,
    { at, next, answer }: { readonly at: number; readonly next: number; readonly answer: string },
  ) {
    await this.#db
      .updateTable('deliveries')
      .set(({ eb }) => ({ next_try: next, answer, tries: eb('tries', '+', 1), failed: at, failure: answer }))
      .where('id', '=', id)
      .execute()
  }

  async giveUp(id: string, { at, answer }: { readonly at: number; readonly answer: string }): Promise<void> {
    await this.#db
      .updateTable('deliveries')
      .set({ state: 'failed', finished: at, failed: at, failure: answer, answer })
      .where('id', '=', id)
      .execute()
  }

  /** Gives up all that waits in a channel. */
  async giveUpAll(channel: ChannelId, { at, answer }: { readonly at: number; readonly answer: string }): Promise<void> {
    await this.#db
      .updateTable('deliveries')
      .set({ state: 'failed', finished: at, answer })
      .where('channel_id', '=', channel)
      .where('state', '=', 'waiting')
      .execute()
  }

  /** What waits is tried at once: somebody changed the channel. */
  async hurry(channel: ChannelId, now: number): Promise<void> {
    await this.#db
      .updateTable('deliveries')
      .set({ next_try: now })
      .where('channel_id', '=', channel)
      .where('state', '=', 'waiting')
      .execute()
  }

  /** How many were sent since, and when the first of them. */
  async sentSince(channel: ChannelId, since: number): Promise<{ readonly count: number; readonly first: number }> {
    const row = await this.#db
      .selectFrom('deliveries')
      .select(({ fn }) => [fn.countAll<number>().as('count'), fn.min('finished').as('first')])
      .where('channel_id', '=', channel)
      .where('state', '=', 'sent')
      .where('finished', '>', since)
      .executeTakeFirst()
    return { count: row?.count ?? 0, first: row?.first ?? 0 }
  }

  async list(
    channel: ChannelId,
    { state, limit }: { readonly state?: Delivery['state'] | undefined; readonly limit: number },
  ): Promise<Delivery[]> {
    let query = this.#db
      .selectFrom('deliveries')
      .select(['id', 'subject', 'state', 'created', 'tries', 'next_try', 'finished', 'answer'])
      .where('channel_id', '=', channel)
    if (state !== undefined) query = query.where('state', '=', state)
    const rows = await query.orderBy('created', 'desc').orderBy('id').limit(limit).execute()
    return rows.map(shown)
  }

  async figures(channel: ChannelId): Promise<ChannelFigures> {
    const of = this.#db.selectFrom('deliveries').where('channel_id', '=', channel)
    const waiting = await of
      .where('state', '=', 'waiting')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirst()
    const sent = await of
      .where('state', '=', 'sent')
      .select(({ fn }) => fn.max('finished').as('at'))
      .executeTakeFirst()
    const failure = await of
      .where('failed', 'is not', null)
      .select(['failed', 'failure'])
      .orderBy('failed', 'desc')
      .limit(1)
      .executeTakeFirst()
    return {
      waiting: waiting?.count ?? 0,
      ...(sent?.at === null || sent?.at === undefined ? {} : { lastSent: sent.at }),
      ...(failure?.failed === null || failure?.failed === undefined
        ? {}
        : { lastFailure: { at: failure.failed, message: failure.failure ?? '' } }),
    }
  }

  /** The last message that was taken or given up. */
  async lastFinished(channel: ChannelId): Promise<Pick<Delivery, 'state' | 'answer' | 'finished'> | undefined> {
    const row = await this.#db
      .selectFrom('deliveries')
      .select(['state', 'answer', 'finished'])
      .where('channel_id', '=', channel)
      .where('finished', 'is not', null)
      .orderBy('finished', 'desc')
      .limit(1)
      .executeTakeFirst()
    if (!row || row.finished === null) return undefined
    return { state: row.state, finished: row.finished, ...(row.answer === null ? {} : { answer: row.answer }) }
  }

  /** Forgets what ended before. */
  async forget(before: number): Promise<void> {
    await this.#db.deleteFrom('deliveries').where('finished', '<', before).execute()
  }
}

type DeliveryRow = Pick<Delivery, 'id' | 'subject' | 'state' | 'created' | 'tries'> & {
  readonly next_try: number
  readonly finished: number | null
  readonly answer: string | null
}

function shown({ id, subject, state, created, tries, next_try, finished, answer }: DeliveryRow): Delivery {
  return {
    id,
    subject,
    state,
    created,
    tries,
    ...(state === 'waiting' ? { next: next_try } : {}),
    ...(finished === null ? {} : { finished }),
    ...(answer === null ? {} : { answer }),
  }
}
