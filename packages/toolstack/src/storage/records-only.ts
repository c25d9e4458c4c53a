import { smError } from './sm-errors.ts'
import type { SrState, StoragePort, VdiPlace, VdiState } from './storage-port.ts'

/** Keeps no data: for inventories whose disks are records only. Sizes are believable, contents are refused. */
export function recordsOnly(): StoragePort {
  const disks = new Map<string, VdiState>()
  const stateOf = (uuid: string, virtualSize: number): VdiState => ({
    uuid,
    location: uuid,
    virtualSize,
    physicalUtilisation: 0,
    smConfig: {},
    managed: true,
    readOnly: false,
    cbtEnabled: false,
  })
  const add = (uuid: string, size: number, changes: Partial<VdiState> = {}): VdiState => {
    const state = { ...stateOf(uuid, size), ...changes }
    disks.set(uuid, state)
    return state
  }
  const find = ({ uuid }: VdiPlace): VdiState => disks.get(uuid) ?? stateOf(uuid, 0)
  const empty: SrState = { physicalSize: 2 ** 40, physicalUtilisation: 0, virtualAllocation: 0 }
  return {
    createSr: async () => undefined,
    attachSr: async () => empty,
    detachSr: async () => undefined,
    destroySr: async () => undefined,
    scan: async () => ({ sr: empty, vdis: [...disks.values()] }),
    create: async ({ uuid }, { size }) => add(uuid, size),
    make: async (_place, _options, _work) => {
      throw smError('VDIUnavailable', 'This SR keeps no data')
    },
    snapshot: async (from, uuid) => add(uuid, find(from).virtualSize, { cbtEnabled: find(from).cbtEnabled }),
    clone: async (from, uuid) => add(uuid, find(from).virtualSize),
    copy: async (from, to, { progress } = {}) => {
      progress?.(1)
      return add(to.uuid, find(from).virtualSize)
    },
    resize: async ({ uuid }, size) => add(uuid, size),
    destroy: async ({ uuid }) => void disks.delete(uuid),
    setCbt: async (place, cbtEnabled) => void disks.set(place.uuid, { ...find(place), cbtEnabled }),
    listChangedBlocks: async () => {
      throw smError('CBTChangedBlocksError', 'Source and target VDI are unrelated')
    },
    dataDestroy: async () => undefined,
    open: async ({ uuid }) => {
      throw smError('VDIUnavailable', `VDI ${uuid} has no data`)
    },
  }
}
