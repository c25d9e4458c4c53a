import { seededRandom, silentLog, type Log } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { dataModel, type MessageModel } from '../src/model/model.ts'
import type { WireType } from '../src/model/wire-type.ts'
import { logIn, quickToolstack, Refused, type Loose, type TestClient } from './client.ts'

const model = dataModel()
const seed = Number(process.env['NIXEN_TEST_SEED'] ?? 1)
const rounds = process.env['NIXEN_LONG_TESTS'] ? 8 : 2
// These end the session, or wait.
const left = new Set([
  'session.logout',
  'session.local_logout',
  'event.next',
  'event.from',
  'session.logout_subject_identifier',
  'session.change_password',
])

type Records = Record<string, Record<string, Loose>>

/** All objects by class (in lower case) and reference. */
async function allRecords(client: TestClient): Promise<Records> {
  const records: Records = {}
  const { events } = await client.call('event.from', ['*'], '', 0)
  for (const { class: cls, ref, snapshot } of events) (records[cls] ??= {})[ref] = snapshot
  return records
}

/** A value of a type: mostly sensible, sometimes extreme. */
function valueOf(type: WireType, records: Records, random: () => number): unknown {
  const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)]
  switch (type.kind) {
    case 'string':
    case 'secret':
      return pick(['', 'text', '5', 'é"<&>', '__proto__', '10.0.0.1', 'x'.repeat(1000)])
    case 'int':
      return pick([0, 1, -1, 4096, 2 ** 40, Number.MAX_SAFE_INTEGER])
    case 'float':
      return pick([0, 0.5, -1, 1e300])
    case 'bool':
      return random() < 0.5
    case 'datetime':
      return pick(['20260101T00:00:00Z', '19700101T00:00:00Z'])
    case 'enum':
      return pick([...type.values])
    case 'ref':
      return pick([...Object.keys(records[type.class.toLowerCase()] ?? {}), 'OpaqueRef:none', 'OpaqueRef:NULL'])
    case 'set':
      return Array.from({ length: Math.floor(random() * 3) }, () => valueOf(type.of, records, random))
    case 'map':
      return Object.fromEntries([[valueOf(type.key, records, random), valueOf(type.value, records, random)]])
    case 'option':
      return valueOf(type.of, records, random)
    case 'record':
      return Object.fromEntries(
        (model.classes.get(type.class)?.fields ?? []).map((field) => [
          field.name,
          valueOf(field.type, records, random),
        ]),
      )
    case 'void':
    case 'struct':
      return ''
  }
}

/** References in relations that lead nowhere. */
function broken(records: Records): string[] {
  return [...model.classes.values()].flatMap((cls) =>
    cls.visibleFields.flatMap((field) => {
      if (!field.relation || model.classes.get(field.relation.class)?.genEvents !== true) return []
      const others = records[field.relation.class.toLowerCase()] ?? {}
      return Object.entries(records[cls.lower] ?? {}).flatMap(([ref, record]) => {
        const values: string[] = Array.isArray(record[field.name]) ? record[field.name] : [record[field.name]]
        const wrong = values.filter((value) => field.relation?.kind !== 'one' && !(value in others))
        return wrong.map((value) => `${cls.name}.${field.name} of ${ref}: ${value}`)
      })
    }),
  )
}

describe(`every message of the data model (seed ${seed})`, () => {
  test(
    'answers whatever is sent with a result or an error of the API, and the inventory stays whole',
    async () => {
      const random = seededRandom(seed)
      const failures: string[] = []
      const log: Log = {
        ...silentLog,
        // What is not an error of the API is logged with its own name.
        warn: (message, fields) =>
          void (
            String(fields?.['error']).startsWith('XapiError') || failures.push(`${message} ${JSON.stringify(fields)}`)
          ),
        error: (message, fields) => void failures.push(`${message} ${JSON.stringify(fields)}`),
      }
      await using toolstack = await quickToolstack({ hosts: 2, vms: 6, log, conflictWait: 1 })
      let client = await logIn(toolstack.url)
      /** Sends a message, and goes where the master is when another host has become it. */
      const send = async (method: string, params: readonly unknown[]): Promise<void> => {
        try {
          await client.call(method, ...params)
        } catch (error) {
          if (!(error instanceof Refused)) failures.push(`${method} ${String(error)}`)
          else if (error.answer[0] === 'HOST_IS_SLAVE') {
            client = await logIn(toolstack.url.replace('127.0.1.1', error.answer[1] ?? ''))
          }
        }
      }
      const messages = [...new Set(model.messages.values())].filter(
        (message) => message.session && !left.has(message.wireName),
      )
      for (let round = 0; round < rounds; round++) {
        await send('pool.get_all', [])
        const records = await allRecords(client)
        for (const message of shuffled(messages, random)) {
          const params = message.params.map((param) => valueOf(param.type, records, random))
          await send(message.wireName, params)
        }
      }
      await send('pool.get_all', [])
      expect(failures).toEqual([])
      expect(broken(await allRecords(client))).toEqual([])
    },
    rounds * 60_000,
  )
})

function shuffled(messages: readonly MessageModel[], random: () => number): MessageModel[] {
  return messages
    .map((message) => ({ message, key: random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ message }) => message)
}
