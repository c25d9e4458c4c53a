import { existsSync } from 'node:fs'
import { availableParallelism, freemem } from 'node:os'
import type { Client } from '@nixen/api'
import { formatBytes, messageOf, MiB } from '@nixen/core'
import { knownSchema, loadConfig, type Settings } from '@nixen/server'
import { print, type CommonFlags } from '../command.ts'
import { clientOf } from '../connect/connect.ts'
import { localSocket, stateDirectory } from '../connect/state-directory.ts'
import type { NixenContext } from '../context.ts'
import { exitCodes } from '../failure.ts'
import { plain } from '../output/plain.ts'
import { checkDatabase, checkLock } from './database.ts'
import { checkMasterKey, checkRoom, checkSecretFiles, checkStateDirectory } from './files.ts'
import { ok, problem, skipped, warning, type Finding } from './finding.ts'
import { checkCertificate, checkClock, checkPort } from './network.ts'

export interface DoctorFlags extends CommonFlags {
  readonly state?: string
  readonly config?: string
}

/** `nixen doctor` */
export async function doctor(context: NixenContext, flags: DoctorFlags): Promise<void> {
  const environment = context.process.env ?? {}
  const directory = stateDirectory(environment, flags.state)
  const findings = await examine(context, directory, flags)
  const worst = findings.some(({ status }) => status === 'problem') ? 'problem' : 'ok'
  print(context, flags, { json: { status: worst, state: directory, findings }, text: textOf(findings) })
  if (worst === 'problem') context.process.exitCode = exitCodes.different
}

async function examine(context: NixenContext, directory: string, flags: DoctorFlags): Promise<readonly Finding[]> {
  const environment = context.process.env ?? {}
  const master = await checkMasterKey(directory)
  const database = checkDatabase(directory, { knownSchema, keys: master.keys })
  const config = readConfig(() => loadConfig({ environment, file: flags.config, database: database.settings }).values)
  const { settings } = config
  const server = await checkServer(context, directory)
  return [
    checkNode(process.version),
    checkMemory(),
    await checkStateDirectory(directory),
    ...(await checkSecretFiles(directory, environment)),
    master.finding,
    await checkRoom(directory),
    ...database.findings,
    ...config.findings,
    ...(settings ? [await checkCertificate(directory, settings, context.clock.now())] : []),
    ...server.findings,
    ...(server.running ? [] : [checkLock(directory), ...(settings ? [await checkPort(settings)] : [])]),
  ]
}

/** Whether this is the Node that Nixen is made for. */
export function checkNode(version: string): Finding {
  const major = Number(/^v(\d+)/.exec(version)?.[1])
  return major >= 24
    ? ok('node', `Node ${version}.`)
    : problem(
        'node',
        `This is Node ${version}; Nixen needs 24 or newer.`,
        'Start Nixen by bin/nixen, which brings its own.',
      )
}

function checkMemory(): Finding {
  const limit = process.constrainedMemory()
  const available = Math.min(
    process.availableMemory(),
    limit > 0 ? limit : Infinity,
    Math.max(freemem(), process.availableMemory()),
  )
  const text = `${formatBytes(available)} of memory are available, ${availableParallelism()} processors.`
  const mend = 'Stop what else runs on this machine, or give it more memory.'
  if (available < 128 * MiB) return problem('memory', text, mend)
  return available < 384 * MiB ? warning('memory', text, mend) : ok('memory', text)
}

function readConfig(load: () => Settings): {
  readonly settings: Settings | undefined
  readonly findings: readonly Finding[]
} {
  try {
    return { settings: load(), findings: [ok('settings', 'All settings are understood.')] }
  } catch (error) {
    const mend = 'Correct or remove it where the sentence says; docs/reference/configuration.md lists all settings.'
    return { settings: undefined, findings: [problem('settings', messageOf(error), mend)] }
  }
}

interface ServerReport {
  readonly running: boolean
  readonly findings: readonly Finding[]
}

/** Asks the server on this machine, when it runs, how it and its connections are. */
async function checkServer(context: NixenContext, directory: string): Promise<ServerReport> {
  const socketPath = localSocket(directory)
  if (!existsSync(socketPath)) return { running: false, findings: [skipped('server', 'The server does not run.')] }
  const client = clientOf({ name: 'local', baseUrl: 'http://localhost', socketPath }, context)
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(10_000)])
  try {
    const { version } = await client.meta.about({}, { signal })
    return {
      running: true,
      findings: [ok('server', `Nixen ${version} runs.`), ...(await checkConnections(context, client, signal))],
    }
  } catch (error) {
    if (context.signal.aborted) throw error
    return { running: false, findings: [skipped('server', 'The server does not run, or does not answer.')] }
  }
}

async function checkConnections(
  context: NixenContext,
  client: Client,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { items } = await client.connection.list({ limit: 1000 }, { signal })
  const findings = items.map(async ({ id, name, address, activeAddress, enabled, state, error }) => {
    if (!enabled) return [skipped('connection', `${name} is switched off.`)]
    if (state !== 'connected' && state !== 'connecting') {
      const why = error?.message ?? `it is ${state}`
      const mend = `Read what it says, then "nixen connection update ${id} …" or "nixen connection reconnect ${id}".`
      return [problem('connection', `${name} is not connected: ${why}`, mend)]
    }
    return [
      ok('connection', `${name} is ${state}.`),
      await checkClock(name, urlOf(address, activeAddress), context.clock),
    ]
  })
  return (await Promise.all(findings)).flat()
}

/** The member that is spoken to comes as HOST:PORT. */
function urlOf(address: string, active: string | undefined): string {
  if (active === undefined || active.includes('://')) return active ?? address
  return `${address.startsWith('http:') ? 'http' : 'https'}://${active}`
}

const marks = { ok: 'ok      ', warning: 'WARNING ', problem: 'PROBLEM ', skipped: '-       ' } as const

function textOf(findings: readonly Finding[]): string {
  const count = (wanted: Finding['status']): number => findings.filter(({ status }) => status === wanted).length
  const lines = findings.map(({ status, check, message, mend }) => {
    const line = `${marks[status]} ${check.padEnd(15)} ${plain(message)}`
    return mend === undefined ? line : `${line}\n${' '.repeat(25)}→ ${plain(mend)}`
  })
  const end = `${count('problem')} problems, ${count('warning')} warnings.`
  return [...lines, '', count('problem') + count('warning') === 0 ? 'Nothing is wrong.' : end].join('\n')
}
