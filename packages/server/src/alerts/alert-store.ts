import type { Alert, AlertId, ChannelId } from '@nixen/api'
import type { Db } from '../db/tables.ts'
import { addDeliveries } from '../notify/delivery-store.ts'
import type { Message } from '../notify/message.ts'
import type { AlertState } from './state.ts'

/** An alert as it is written down: what it shows beside is found out each time. */
export type StoredAlert = Omit<Alert, 'firing' | 'problem'>

/** What one look at an alert changes; all of it or nothing is written down. */
export interface AlertChanges {
  readonly put: readonly AlertState[]
  /** Ids of objects for which it is over. */
  readonly removed: readonly string[]
  readonly messages: readonly Message[]
  readonly channels: readonly ChannelId[]
  readonly now: number
}

/** Alerts and what they hold for, in the database. */
export class AlertStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async all(): Promise<readonly StoredAlert[]> {
    const rows = await this.#db.selectFrom('alerts').select('alert_json').orderBy('created').orderBy('id').execute()
    // Written by `put`.
    return rows.map(({ alert_json }) => JSON.parse(alert_json) as StoredAlert)
  }

  async put(alert: StoredAlert): Promise<void> {
    const alert_json = JSON.stringify(alert)
    await this.#db
      .insertInto('alerts')
      .values({ id: alert.id, alert_json, created: alert.created })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ alert_json }))
      .execute()
  }

  async remove(id: AlertId): Promise<void> {
    await this.#db.deleteFrom('alerts').where('id', '=', id).execute()
  }

  async states(id: AlertId): Promise<readonly AlertState[]> {
    const rows = await this.#db.selectFrom('alert_states').select('state_json').where('alert_id', '=', id).execute()
    // Written by `commit`.
    return rows.map(({ state_json }) => JSON.parse(state_json) as AlertState)
  }

  async clearStates(id: AlertId): Promise<void> {
    await this.#db.deleteFrom('alert_states').where('alert_id', '=', id).execute()
  }

  /** States and messages in one transaction: a crash neither repeats a message nor forgets one. */
  async commit(id: AlertId, { put, removed, messages, channels, now }: AlertChanges): Promise<void> {
    await this.#db.transaction().execute(async (state) => {
      for (const one of put) {
        const state_json = JSON.stringify(one)
        await state
          .insertInto('alert_states')
          .values({ alert_id: id, subject: one.on, state_json })
          .onConflict((conflict) => conflict.columns(['alert_id', 'subject']).doUpdateSet({ state_json }))
          .execute()
      }
      for (const subject of removed) {
        await state.deleteFrom('alert_states').where('alert_id', '=', id).where('subject', '=', subject).execute()
      }
      await addDeliveries(state, channels, messages, now)
    })
  }
}
