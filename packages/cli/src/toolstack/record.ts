import { open, rm } from 'node:fs/promises'
import { systemCode } from '@nixen/core'
import { dumpText, recordPool, type ToolstackDump } from '@nixen/toolstack'
import { Xapi } from '@nixen/xapi'
import { print, withProgress, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { readPassword } from '../repo/password.ts'

export interface RecordFlags extends CommonFlags {
  readonly host: string
  readonly user: string
  readonly passwordFile?: string
  readonly fingerprint?: string
  readonly output: string
}

const variable = 'NIXEN_XAPI_PASSWORD'

/** `nixen toolstack record`: writes the inventory of a pool to a file. */
export async function record(context: NixenContext, flags: RecordFlags): Promise<void> {
  const dump = await recorded(context, flags)
  await writeNew(flags.output, [...dumpText(dump)].join(''))
  const counts = Object.entries(dump.classes).map(([cls, records]) => [cls, Object.keys(records).length] as const)
  const objects = counts.reduce((sum, [, count]) => sum + count, 0)
  print(context, flags, {
    json: { file: flags.output, source: dump.source, objects: Object.fromEntries(counts), notes: dump.notes },
    text: [
      `${objects} objects of ${dump.source.product} ${dump.source.version} are in ${flags.output}.`,
      ...dump.notes.map((note) => `- ${note}.`),
      'Look at the file before you give it away: names, addresses and descriptions are in it.',
    ].join('\n'),
  })
}

async function recorded(context: NixenContext, flags: RecordFlags): Promise<ToolstackDump> {
  const { host, user, fingerprint } = flags
  const { signal } = context
  const password = await passwordOf(context, flags)
  await using xapi = await Xapi.connect({
    url: host.includes('://') ? host : `https://${host}`,
    username: user,
    password,
    tls: fingerprint === undefined ? { kind: 'ca' } : { kind: 'pin', fingerprint },
    signal,
  })
  return await withProgress(context, flags, (view) =>
    recordPool(xapi, {
      signal,
      onClass: (cls, { index, total }) => view.update({ done: index, total, phase: cls, unit: 'items' }),
    }),
  )
}

async function passwordOf(context: NixenContext, { passwordFile, user, host }: RecordFlags): Promise<string> {
  const given = passwordFile !== undefined || context.process.env?.[variable] !== undefined
  if (!given && !process.stdin.isTTY) throw cliErrors.no_xapi_password()
  return await readPassword(context, {
    file: passwordFile,
    variable,
    question: `Password of ${user} on ${host}`,
    isNew: false,
  })
}

/** Never over a file that is there, and readable only for its owner. */
async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    throw cliErrors.cannot_write({ path, reason: systemCode(cause) ?? 'unknown' }, { cause })
  })
  try {
    await file.writeFile(text)
    await file.sync()
    await file.close()
  } catch (cause) {
    await file.close()
    await rm(path, { force: true })
    throw cliErrors.cannot_write({ path, reason: systemCode(cause) ?? 'unknown' }, { cause })
  }
}
