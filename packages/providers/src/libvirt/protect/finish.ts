import { isRecord } from '@nixen/core'
import type { ChangeToken } from '@nixen/disk'
import { constants as c, type Domain } from '@nixen/libvirt'
import type { FrozenVm, Kept, KeepOptions, ProtectNote, Stray } from '../../protect/freeze.ts'
import type { LibvirtContext } from '../actions/context.ts'
import { definitionOf } from '../actions/context.ts'
import { isGone } from '../errors.ts'
import { readMetadata } from '../metadata.ts'
import { currentJob, endJob } from './backup-job.ts'
import { listCheckpoints, remember, removeCheckpoint } from './checkpoints.ts'
import { checkpointName, markOf, readToken, tokenOf } from './token.ts'

/** What is written down before a backup begins. */
export interface BackupStep extends Readonly<Record<string, unknown>> {
  readonly uuid: string
  readonly mark: string
  /** The VM was off, and is started paused. */
  readonly wasOff: boolean
}

/** @throws TypeError for the data of another step */
export function readStep(data: unknown): BackupStep {
  if (!isRecord(data)) throw new TypeError('the step of a backup has no data')
  const { uuid, mark, wasOff } = data
  if (typeof uuid !== 'string' || typeof mark !== 'string') throw new TypeError('the step of a backup names no VM')
  return { uuid, mark, wasOff: wasOff === true }
}

async function lookUp({ link }: LibvirtContext, uuid: string): Promise<Domain | undefined> {
  try {
    return (await link.main.call.domainLookupByUuid({ uuid })).dom
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** Ends a backup and removes all that it made, but not what was kept meanwhile. May be repeated. */
export async function takeBack(context: LibvirtContext, { uuid, mark, wasOff }: BackupStep): Promise<void> {
  const dom = await lookUp(context, uuid)
  if (!dom) return
  await endOwnJob(context, dom, mark)
  const name = checkpointName(mark)
  const { checkpoints } = readMetadata(await definitionOf(context.link.main, dom))
  if (!(name in checkpoints)) await removeCheckpoint(context, dom, name)
  if (wasOff) await switchOff(context, dom)
}

/** Ends the job of a backup, not that of another one. */
async function endOwnJob({ link, clock }: LibvirtContext, dom: Domain, mark: string): Promise<void> {
  const job = await currentJob(link.main, dom)
  if (job?.socket.endsWith(`/n-${mark}`)) await endJob(link.main, dom, clock)
}

/** Switches a VM off that was started paused for a backup, unless somebody has let it go on since. */
async function switchOff({ link, touch }: LibvirtContext, dom: Domain): Promise<void> {
  const { call } = link.main
  const { state } = await call.domainGetState({ dom })
  if (state !== c.VIR_DOMAIN_PAUSED) return
  // Gracefully: QEMU then writes its bitmaps into the images.
  await call.domainDestroyFlags({ dom, flags: c.VIR_DOMAIN_DESTROY_GRACEFUL })
  touch({ domain: dom.uuid })
}

/** Ends a backup that succeeded: the checkpoint stays, the job does not. */
export async function keepBackup(
  context: LibvirtContext,
  frozen: FrozenVm,
  { data, drop = [] }: KeepOptions,
): Promise<Kept> {
  const notes: ProtectNote[] = []
  const dom = await lookUp(context, frozen.vm)
  const none = frozen.disks.map(({ key, token }) => ({ key, token, kept: 'nothing' as const }))
  if (!dom) return { disks: none, notes }
  await endOwnJob(context, dom, frozen.mark)
  const own = (await listCheckpoints(context.link.main, dom)).find(({ name }) => name === checkpointName(frozen.mark))
  if (own && data !== 'nothing') await remember(context, dom, own)
  else if (own) await removeCheckpoint(context, dom, own.name)
  if (data === 'keep') {
    notes.push({
      code: 'data-not-kept',
      text: 'libvirt keeps what changed, not the data: nothing to compare with stays on the host.',
    })
  }
  for (const token of drop) await dropToken(context, token)
  if (readStep(frozen.undo.data).wasOff) await switchOff(context, dom)
  const kept = data !== 'nothing' && own
  return {
    disks: frozen.disks.map(({ key, token }) => ({
      key,
      token,
      kept: kept && kept.disks.includes(key) ? ('log' as const) : ('nothing' as const),
    })),
    notes,
  }
}

/** Removes what is kept for a token; that of another provider, or what is gone, is left alone. */
export async function dropToken(context: LibvirtContext, token: ChangeToken): Promise<void> {
  const known = readToken(token)
  const dom = known && (await lookUp(context, known.domain))
  if (dom) await removeCheckpoint(context, dom, known.checkpoint)
}

/** All checkpoints of ours, one entry for each disk. */
export async function listStrays({ link }: LibvirtContext, disks: readonly string[] | undefined): Promise<Stray[]> {
  const { main } = link
  const strays: Stray[] = []
  for (const dom of (await main.call.connectListAllDomains({ needResults: 1, flags: 0 })).domains) {
    const checkpoints = await listCheckpoints(main, dom)
    if (checkpoints.length === 0) continue
    const kept = readMetadata(await definitionOf(main, dom)).checkpoints
    for (const { name, time, owner, disks: tracked } of checkpoints) {
      for (const disk of tracked) {
        if (disks && !disks.includes(disk)) continue
        strays.push({
          kind: 'disk',
          native: { class: 'checkpoint', uuid: `${dom.uuid}/${name}` },
          name: `${dom.name} ${disk}`,
          owner,
          mark: markOf(name),
          kept: name in kept,
          token: tokenOf({ domain: dom.uuid, checkpoint: name, disk }),
          time,
          bytes: 0,
        })
      }
    }
  }
  return strays
}
