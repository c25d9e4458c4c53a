import { formatBytes, formatDuration, formatRate } from '@nixen/core'
import { formatFields } from '../output/table.ts'
import type { Narrator } from './narrator.ts'
import { resticCommand } from './restic.ts'
import type { Findings } from './scenario.ts'
import { userName, type Stage } from './stage.ts'

/** What it comes to, for programs. */
export function summaryJson(stage: Stage, found: Findings, narrator: Narrator): object {
  const { sizes, machines, server, stateDir } = stage
  const { path, passwordFile, stored, restorable } = found.repository
  return {
    identical: true,
    compared: found.compared,
    vms: machines.length,
    disks: sizes,
    first: found.first,
    incremental: found.incremental,
    repository: { path, passwordFile, stored, restorable },
    checked: found.checked,
    restic: found.restic ?? null,
    command: resticCommand(found.repository, 'snapshots'),
    steps: narrator.times,
    url: server.url,
    fingerprint: server.fingerprint,
    stateDir,
  }
}

/** The same for people. */
export function summaryText({ sizes }: Stage, found: Findings, narrator: Narrator): string {
  const { first, incremental, repository, compared, restic } = found
  const seconds = (step: string): number => narrator.times.find((one) => one.step === step)?.seconds ?? 0
  const took = (step: string): string => formatDuration(seconds(step) * 1000)
  const total = narrator.times.reduce((sum, one) => sum + one.seconds, 0)
  const rate = (bytes: number, step: string): string => formatRate(bytes / Math.max(0.001, seconds(step)))
  const lines = formatFields([
    ['Disks', `${formatBytes(sizes.virtual)} virtual, ${formatBytes(sizes.data)} of data`],
    [
      'First backup',
      `${formatBytes(first.read)} read, ${formatBytes(first.written)} written (${share(first.written, first.read)}) in ${took('first')}, ${rate(first.read, 'first')}`,
    ],
    [
      'Incremental',
      `guests changed ${formatBytes(incremental.changed)}: ${formatBytes(incremental.read)} read, ${formatBytes(incremental.written)} written in ${took('incremental')}`,
    ],
    [
      'Repository',
      `${formatBytes(repository.stored)} for ${formatBytes(repository.restorable)} that can be restored, ${ratio(repository.restorable, repository.stored)}`,
    ],
    ['Checked by', restic === undefined ? 'Nixen (restic is not on this machine)' : `Nixen and restic ${restic}`],
    ['Restored', `${compared.vm}: ${compared.bytes} bytes compared, identical, in ${took('restore')}`],
    ['All of it', formatDuration(total * 1000)],
  ])
  return `\n${lines}`
}

function share(part: number, whole: number): string {
  return whole === 0 ? '0%' : `${Math.round((part / whole) * 100)}%`
}

function ratio(restorable: number, stored: number): string {
  return stored === 0 ? 'nothing' : `${Math.round((restorable / stored) * 10) / 10} to 1`
}

/** How to go on while the server runs. */
export function invitation({ server, stateDir, password }: Stage, { repository }: Findings): string {
  return [
    '',
    'The repository is a restic repository. This reads it without Nixen:',
    `  ${resticCommand(repository, 'snapshots')}`,
    '',
    `The server runs at ${server.url} (REST API: ${server.url}api/v1/), user ${userName}, password ${password}`,
    ...(server.fingerprint === undefined ? [] : [`Certificate (SHA-256): ${server.fingerprint}`]),
    'In another terminal:',
    `  export NIXEN_STATE_DIR=${stateDir}`,
    '  bin/nixen point list',
    '',
    'Ctrl-C ends it and removes everything.',
  ].join('\n')
}
