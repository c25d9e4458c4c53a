import { isRecord } from '@nixen/core'
import { constants as c, isLibvirtError, optional, parseXml, xml, type Domain, type Libvirt } from '@nixen/libvirt'
import { updateMetadata } from '../actions/vm-settings.ts'
import { definitionOf, type LibvirtContext } from '../actions/context.ts'
import { isGone } from '../errors.ts'
import { readMetadata } from '../metadata.ts'
import { isCheckpointName } from './token.ts'

/** A checkpoint of ours. */
export interface Checkpoint {
  readonly name: string
  /** Epoch milliseconds. */
  readonly time: number
  readonly owner: string
  /** Targets of the disks whose changes it follows. */
  readonly disks: readonly string[]
  /** Its XML without the domain. */
  readonly xml: string
}

/** XML of a checkpoint of some disks; the others of the domain are left alone. */
export function checkpointXml(
  name: string,
  { owner, disks }: { readonly owner: string; readonly disks: ReadonlyMap<string, boolean> },
): string {
  const each = [...disks].map(([target, on]) => xml('disk', { name: target, checkpoint: on ? 'bitmap' : 'no' }))
  return xml(
    'domaincheckpoint',
    {},
    xml('name', {}, name),
    xml('description', {}, JSON.stringify({ owner })),
    xml('disks', {}, ...each),
  ).toString()
}

/** The checkpoints of ours that a domain has, the oldest first. */
export async function listCheckpoints({ call }: Libvirt, dom: Domain): Promise<Checkpoint[]> {
  const found = await optional(call.domainListAllCheckpoints({ dom, needResults: 1 }))
  const list: Checkpoint[] = []
  for (const checkpoint of found?.checkpoints ?? []) {
    if (!isCheckpointName(checkpoint.name)) continue
    const flags = c.VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN
    list.push(readCheckpoint((await call.domainCheckpointGetXmlDesc({ checkpoint, flags })).xml))
  }
  return list.toSorted((a, b) => a.time - b.time)
}

function readCheckpoint(text: string): Checkpoint {
  const root = parseXml(text, { root: 'domaincheckpoint' })
  const bitmaps =
    root
      .find('disks')
      ?.children('disk')
      .filter((disk) => disk.get('checkpoint') === 'bitmap') ?? []
  return {
    name: root.text('name'),
    time: (Number(root.text('creationTime')) || 0) * 1000,
    owner: ownerOf(root.text('description')),
    disks: bitmaps.map((disk) => disk.get('name') ?? ''),
    xml: text,
  }
}

function ownerOf(description: string): string {
  try {
    const value: unknown = JSON.parse(description)
    return isRecord(value) && typeof value['owner'] === 'string' ? value['owner'] : ''
  } catch {
    // Somebody has written over it.
    return ''
  }
}

/**
 * Tells libvirt of checkpoints that it has forgotten (a domain that moved here, or was defined anew), where their bitmaps are still in the
 * images. What is not there any more is forgotten here too.
 */
export async function recallCheckpoints(context: LibvirtContext, dom: Domain): Promise<void> {
  const { main } = context.link
  const { checkpoints } = readMetadata(await definitionOf(main, dom))
  const known = new Set((await listCheckpoints(main, dom)).map(({ name }) => name))
  const lost: string[] = []
  for (const [name, text] of Object.entries(checkpoints)) {
    if (known.has(name)) continue
    const flags = c.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE | c.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE
    try {
      await main.call.domainCheckpointCreateXml({ dom, xmlDesc: text, flags })
    } catch (error) {
      if (!isLibvirtError(error)) throw error
      lost.push(name)
    }
  }
  if (lost.length > 0) await forget(context, dom, lost)
}

/** Notes that a checkpoint stays: from now on it is needed as long as its token is. */
export async function remember(context: LibvirtContext, dom: Domain, { name, xml: text }: Checkpoint): Promise<void> {
  await updateMetadata(context, dom, (old) => ({ ...old, checkpoints: { ...old.checkpoints, [name]: text } }))
}

async function forget(context: LibvirtContext, dom: Domain, names: readonly string[]): Promise<void> {
  await updateMetadata(context, dom, (old) => ({
    ...old,
    checkpoints: Object.fromEntries(Object.entries(old.checkpoints).filter(([name]) => !names.includes(name))),
  }))
}

/**
 * Removes a checkpoint with its bitmaps; what they knew goes to the one before it. Of a domain that is off only the note is removed: its bitmaps
 * can be reached only while QEMU runs, and go with the next backup.
 */
export async function removeCheckpoint(context: LibvirtContext, dom: Domain, name: string): Promise<void> {
  const { call } = context.link.main
  try {
    const { checkpoint } = await call.domainCheckpointLookupByName({ dom, name })
    const { active } = await call.domainIsActive({ dom })
    if (active !== 1) return
    try {
      await call.domainCheckpointDelete({ checkpoint, flags: 0 })
    } catch (error) {
      // A bitmap that is damaged or gone: what libvirt knows of it goes all the same.
      if (!isLibvirtError(error) || isMissing(error)) throw error
      await call.domainCheckpointDelete({ checkpoint, flags: c.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY })
    }
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  await forget(context, dom, [name])
}

const isMissing = (error: unknown): boolean => isGone(error) || isLibvirtError(error, c.VIR_ERR_NO_DOMAIN_CHECKPOINT)
