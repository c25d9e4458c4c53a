import { GiB } from '@nixen/core'
import type { DiskId, HostId, NetworkId, StorageId, Template, TemplateId } from '@nixen/api'

/** A VM while somebody describes it. What is empty is as in the template. */
export interface CreateDraft {
  readonly pool: string
  readonly template: string
  readonly name: string
  readonly description: string
  readonly tags: string
  readonly count: number
  readonly vcpus: number | undefined
  /** In GiB. */
  readonly memory: number | undefined
  readonly firmware: '' | 'bios' | 'uefi'
  readonly secureBoot: boolean
  readonly tpm: boolean
  readonly storage: string
  readonly disks: readonly { readonly key: number; readonly size: number; readonly storage: string }[]
  /** As in the template when absent. */
  readonly nics: readonly { readonly key: number; readonly network: string }[]
  readonly media: string
  readonly networkBoot: boolean
  readonly userData: string
  readonly networkConfig: string
  readonly host: string
  readonly autoStart: boolean
  readonly start: boolean
}

export const emptyDraft: CreateDraft = {
  pool: '',
  template: '',
  name: '',
  description: '',
  tags: '',
  count: 1,
  vcpus: undefined,
  memory: undefined,
  firmware: '',
  secureBoot: false,
  tpm: false,
  storage: '',
  disks: [],
  nics: [],
  media: '',
  networkBoot: false,
  userData: '',
  networkConfig: '',
  host: '',
  autoStart: false,
  start: true,
}

/** What one VM will have, with what the template says where nothing was chosen. */
export function needsOf(draft: CreateDraft, template: Template | undefined) {
  const added = draft.disks.reduce((sum, { size }) => sum + (size || 0) * GiB, 0)
  return {
    vcpus: draft.vcpus ?? template?.vcpus ?? 1,
    memory: draft.memory === undefined ? (template?.memory ?? 0) : Math.round(draft.memory * GiB),
    disk: (template?.diskSize ?? 0) + added,
  }
}

/** A name that several VMs can have: with a number in it. */
function namesOf({ name, count }: CreateDraft): string {
  const trimmed = name.trim()
  return count > 1 && !trimmed.includes('{index}') ? `${trimmed} {index}` : trimmed
}

/** What the server is asked to make. Ids are those that were offered. */
export function requestOf(draft: CreateDraft) {
  const { template, description, tags, count, vcpus, memory, firmware, storage, disks, nics, media, host } = draft
  const words = tags
    .split(',')
    .map((tag) => tag.trim())
    .filter(Boolean)
  return {
    template: template as TemplateId,
    name: namesOf(draft),
    count,
    tags: words,
    tpm: draft.tpm,
    networkBoot: draft.networkBoot,
    autoStart: draft.autoStart,
    start: draft.start,
    disks: disks.map(({ size, storage: on }) =>
      on === '' ? { size: Math.round(size * GiB) } : { size: Math.round(size * GiB), storage: on as StorageId },
    ),
    ...(description.trim() === '' ? {} : { description: description.trim() }),
    ...(vcpus === undefined ? {} : { vcpus }),
    ...(memory === undefined ? {} : { memory: Math.round(memory * GiB) }),
    ...(firmware === '' ? {} : { firmware }),
    ...(draft.secureBoot ? { secureBoot: true } : {}),
    ...(storage === '' ? {} : { storage: storage as StorageId }),
    ...(nics.length === 0
      ? {}
      : { nics: nics.flatMap(({ network }) => (network === '' ? [] : { network: network as NetworkId })) }),
    ...(media === '' ? {} : { media: media as DiskId }),
    ...(host === '' ? {} : { host: host as HostId }),
    ...(draft.userData.trim() === ''
      ? {}
      : {
          cloudInit: {
            user: draft.userData,
            ...(draft.networkConfig.trim() === '' ? {} : { network: draft.networkConfig }),
          },
        }),
  }
}
