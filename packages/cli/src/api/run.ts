import { type Client, type Download, type Operation } from '@nixen/api'
import { isAppError, isRecord } from '@nixen/core'
import { canAsk, confirm } from '../ask.ts'
import { print } from '../command.ts'
import { connect, plainFailure } from '../connect/connect.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { callList, callOperation, streamOperation, type Call } from './call.ts'
import type { OperationFlags } from './command.ts'
import { nothing, Several } from './flags.ts'
import { bodyFrom, saveFile } from './files.ts'
import { followTask } from './follow-task.ts'
import { withIds } from './names.ts'
import { chooseColumns, tableText } from './print-list.ts'
import { valueText } from './print-value.ts'
import { inFlags } from './refusal.ts'
import { readSecrets } from './secrets.ts'
import { allFields, answerOf } from './shape.ts'

/** What the command line says. */
export interface Given {
  readonly flags: OperationFlags
  readonly args: readonly unknown[]
}

/** Runs the command of an operation. */
export async function runOperation(context: NixenContext, operation: Operation, given: Given): Promise<void> {
  const client = await connect(context, given.flags)
  try {
    const secrets = await readSecrets(context, operation, given.flags)
    const named = { ...callOf(operation, given), ...secrets }
    const call = await withIds({ client, signal: context.signal }, operation.endpoint, named)
    if (operation.endpoint.method === 'DELETE') await demandYes(context, operation, { named, flags: given.flags })
    await answer(context, { client, operation, call, flags: given.flags })
  } catch (error) {
    throw plainFailure(inFlags(error, operation.endpoint), context.process.env ?? {})
  }
}

interface Asked {
  readonly client: Client
  readonly operation: Operation
  readonly call: Call
  readonly flags: OperationFlags
}

async function answer(context: NixenContext, asked: Asked): Promise<void> {
  const { client, operation, call, flags } = asked
  const { signal } = context
  const kind = answerOf(operation.endpoint)
  switch (kind.kind) {
    case 'stream':
      for await (const event of streamOperation(client, operation, call, { signal })) {
        context.process.stdout.write(`${JSON.stringify(event)}\n`)
      }
      return
    case 'file':
      return await saveFile(context, (await callOperation(client, operation, call, { signal })) as Download, flags)
    case 'list': {
      const columns = chooseColumns(kind.item, flags.columns?.split(',') ?? operation.endpoint.cli?.columns)
      const { limit, ...rest } = call
      const listed = kind.paged
        ? await callList(client, operation, rest, { limit: typeof limit === 'number' ? limit : undefined, signal })
        : await callOperation(client, operation, call, { signal })
      if (!flags.json) tellBeside(context, listed)
      const text = flags.json
        ? ''
        : await tableText(context, client, { listed, columns, isChosen: flags.columns !== undefined })
      return print(context, flags, { json: listed, text })
    }
    case 'task': {
      // `answerOf` says that it has a task, unless nothing is done: a dry run, or no object that it may be done with.
      const value = (await trustingOnce(context, asked)) as { readonly task?: string }
      const { task } = value
      if (task === undefined) {
        const text = flags.json ? '' : await valueText(context, client, { schema: kind.schema, value })
        return print(context, flags, { json: value, text })
      }
      if (flags.wait === false) return print(context, flags, { json: { task }, text: task })
      return await followTask(context, client, { task, flags })
    }
    case 'value': {
      const value = await trustingOnce(context, asked)
      const text = flags.json ? '' : await valueText(context, client, { schema: kind.schema, value })
      return print(context, flags, { json: value, text })
    }
    case 'nothing':
      await trustingOnce(context, asked)
      return print(context, flags, { json: null, text: '' })
  }
}

/** What a list says beside its items: on standard error, so that the table stays one. */
function tellBeside({ process: { stderr } }: NixenContext, listed: unknown): void {
  if (!isRecord(listed)) return
  const notes = Array.isArray(listed['notes']) ? listed['notes'].filter((note) => typeof note === 'string') : []
  for (const note of notes) stderr.write(`${note}\n`)
  if (listed['more'] === true) stderr.write('There are more: ask for them with --limit.\n')
}

/** Calls; when the other end shows an unknown certificate that can be pinned, asks about it once and calls again with it. */
async function trustingOnce(context: NixenContext, { client, operation, call, flags }: Asked): Promise<unknown> {
  const { signal } = context
  if (operation.endpoint.upload) {
    return await callOperation(client, operation, call, { signal, body: await bodyFrom(flags) })
  }
  try {
    return await callOperation(client, operation, call, { signal })
  } catch (error) {
    const fingerprint = isAppError(error, 'connection.unknown_certificate') ? error.details['fingerprint'] : undefined
    const takesOne = allFields(operation.endpoint).some(({ name }) => name === 'fingerprint')
    if (typeof fingerprint !== 'string' || !takesOne || call['fingerprint'] !== undefined || !canAsk()) throw error
    const question = `No known authority signed the certificate. Its SHA-256 fingerprint is\n  ${fingerprint}\nIs it the right one?`
    if (!(await confirm(context, question))) throw error
    return await callOperation(client, operation, { ...call, fingerprint }, { signal })
  }
}

function callOf({ endpoint }: Operation, { flags, args }: Given): Call {
  const positional = (endpoint.cli?.args ?? []).map((name, index) => [name, args[index]] as const)
  const named = allFields(endpoint).map(({ name }) => [name, flags[name]] as const)
  const all = [...named.filter(([name]) => !endpoint.cli?.args?.includes(name)), ...positional]
  return Object.fromEntries(
    all.filter(([, value]) => value !== undefined).map(([name, value]) => [name, listed(value)]),
  )
}

/** A repeated flag with an empty text alone is an empty list. */
function listed(value: unknown): unknown {
  if (!Array.isArray(value)) return value
  return value.flatMap((item) => (item === nothing ? [] : item instanceof Several ? item.values : [item]))
}

async function demandYes(
  context: NixenContext,
  { endpoint }: Operation,
  { named, flags }: { readonly named: Call; readonly flags: OperationFlags },
): Promise<void> {
  if (flags.yes === true || flags.json || !canAsk()) return
  const what = (endpoint.cli?.args ?? []).map((name) => String(named[name])).join(' ')
  if (!(await confirm(context, `${endpoint.summary.replace(/;.*$/, '')}: ${what}?`))) throw cliErrors.not_confirmed()
}
