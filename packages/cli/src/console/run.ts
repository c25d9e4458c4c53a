import type { Client, ConsoleTicket } from '@nixen/api'
import { messageOf } from '@nixen/core'
import { idOf } from '../api/names.ts'
import { clientOf, findServer, plainFailure, type ServerFlags, type ServerTarget } from '../connect/connect.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { isLoopback, untilAborted } from '../serving.ts'
import { dial, judgeEnd } from './dial.ts'
import { consoleCliErrors } from './errors.ts'
import { joinTerminal } from './terminal.ts'
import { openVncPort } from './vnc-port.ts'

/** Flags of `nixen vm console` and `nixen host console`. */
export interface ConsoleFlags extends ServerFlags {
  readonly text: boolean
  readonly viewOnly: boolean
  readonly listen: string
}

/** What a command has a console of. */
export type ConsoleOf = 'vm' | 'host'

/** `nixen vm console`, `nixen host console` */
export async function runConsole(
  of: ConsoleOf,
  context: NixenContext,
  flags: ConsoleFlags,
  name: string,
): Promise<void> {
  const env = context.process.env ?? {}
  try {
    const target = await findServer(env, flags)
    const client = clientOf(target, context)
    const id = await idOf({ client, signal: context.signal }, of, name)
    const ask = async (): Promise<ConsoleTicket> => await ticketFor(client, { of, id, flags }, context.signal)
    await (flags.text ? showText(context, target, ask) : showVnc(context, { target, flags, ask, name }))
  } catch (error) {
    throw plainFailure(error, env)
  }
}

interface Wanted {
  readonly of: ConsoleOf
  readonly id: string
  readonly flags: ConsoleFlags
}

async function ticketFor(client: Client, { of, id, flags }: Wanted, signal: AbortSignal): Promise<ConsoleTicket> {
  const input = { kind: flags.text ? 'text' : 'vnc', viewOnly: flags.viewOnly } as const
  if (of === 'vm') return await client.vm.console({ id, ...input }, { signal })
  return await client.host.console({ id, ...input }, { signal })
}

async function showText(context: NixenContext, target: ServerTarget, ask: () => Promise<ConsoleTicket>): Promise<void> {
  const { stdin, stdout } = process
  const socket = await dial(target, await ask(), context.signal)
  if (stdin.isTTY) context.process.stderr.write('Connected. Ctrl-] leaves.\r\n')
  const { code, reason } = await joinTerminal(socket, { input: stdin, output: stdout }, context.signal)
  if (stdin.isTTY) context.process.stderr.write('\r\n')
  judgeEnd(code, reason)
}

interface VncWanted {
  readonly target: ServerTarget
  readonly flags: ConsoleFlags
  readonly ask: () => Promise<ConsoleTicket>
  readonly name: string
}

async function showVnc(context: NixenContext, { target, flags, ask, name }: VncWanted): Promise<void> {
  const { host, port } = addressIn(flags.listen)
  if (!isLoopback(host)) throw consoleCliErrors.console_open({ host })
  // Refused before anybody connects, if it is.
  await ask()
  await using listening = await openVncPort({
    host,
    port,
    open: async () => await dial(target, await ask(), context.signal),
    onFailure: (error) => context.process.stderr.write(`${messageOf(error)}\n`),
  })
  context.process.stdout.write(`The console of ${name} is at ${listening.address} for VNC viewers. Ctrl-C ends.\n`)
  await untilAborted(context.signal)
}

function addressIn(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || port > 65_535) throw cliErrors.bad_address({ text })
  return { host, port }
}
