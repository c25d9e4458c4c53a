import { Readable } from 'node:stream'
import { fatImage } from '@nixen/disk'
import { importVdi, type Ref } from '@nixen/xapi'
import type { ActionTask } from '../../../action/actions.ts'
import type { XapiContext } from '../context.ts'
import { addDrive } from './devices.ts'
import { makeDisk } from './new-disk.ts'

export interface Seed {
  readonly vm: Ref<'VM'>
  readonly sr: Ref<'SR'>
  readonly mark: string
  readonly uuid: string
  readonly name: string
  /** user-data */
  readonly user: string
  /** network-config */
  readonly network?: string | undefined
}

/** Puts the configuration on a small FAT disk, as cloud-init's NoCloud source looks for it (label `cidata`), and attaches that. */
export async function seedDisk(context: XapiContext, seed: Seed, task: ActionTask): Promise<void> {
  const { vm, sr, mark, uuid, name, user, network } = seed
  const image = fatImage({
    label: 'cidata',
    files: [
      // JSON is YAML, and quotes names safely.
      { path: 'meta-data', content: `${JSON.stringify({ 'instance-id': uuid, 'local-hostname': hostname(name) })}\n` },
      { path: 'user-data', content: user },
      ...(network === undefined ? [] : [{ path: 'network-config', content: network }]),
    ],
  })
  const vdi = await makeDisk(context, { sr, size: image.length, name: `${name} cloud-init`, mark })
  await importVdi(context.xapi, vdi, Readable.from([image]), {
    format: 'raw',
    length: image.length,
    signal: task.signal,
  })
  await addDrive(context, { vm, vdi, type: 'Disk', readOnly: false, boot: false })
}

/** What a name of a VM makes as the name of a host: letters, digits and dashes (RFC 1123). */
function hostname(name: string): string {
  const text = name.normalize('NFKD').replaceAll(/[^A-Za-z0-9-]+/g, '-')
  return text.replaceAll(/^-+|-+$/g, '').slice(0, 63) || 'vm'
}
