import { z } from 'zod'
import { vmScreenshot } from '../console/endpoints.ts'
import { endpoint } from '../contract/endpoint.ts'
import { DiskId, HostId, SnapshotId, VmId } from '../ids/resource-id.ts'
import { bytes, flag, text } from '../schema/fields.ts'

/** Whether a host can take a VM. */
export const Placement = z
  .strictObject({
    host: HostId,
    name: text('Name of the host.'),
    possible: flag('It can run the VM now.'),
    reason: text('Why not.').optional(),
    free: bytes('Memory that is free on it, in bytes.').optional(),
  })
  .meta({ id: 'Placement', description: 'Whether a host can take a VM.' })
export type Placement = z.infer<typeof Placement>

/** A disk that a deletion concerns. */
export const DeletedDisk = z
  .strictObject({
    id: DiskId,
    name: text('Name.'),
    size: bytes('Virtual size in bytes.'),
    reason: text('Why it stays.').optional(),
  })
  .meta({ id: 'DeletedDisk', description: 'A disk that a deletion concerns.' })
export type DeletedDisk = z.infer<typeof DeletedDisk>

/** What goes with a VM when it is deleted, and what stays. */
export const VmDeletion = z
  .strictObject({
    disks: z.array(DeletedDisk).meta({ description: 'Disks that go, with all that is on them.' }),
    kept: z.array(DeletedDisk).meta({ description: 'Disks and media that stay, each with why.' }),
    snapshots: z
      .array(z.strictObject({ id: SnapshotId, name: text('Name.') }))
      .meta({ description: 'Snapshots that go.' }),
    blocked: text('Why it cannot be deleted now.').optional(),
  })
  .meta({ id: 'VmDeletion', description: 'What goes with a VM when it is deleted, and what stays.' })
export type VmDeletion = z.infer<typeof VmDeletion>

const params = z.strictObject({ id: VmId })
const reaching = ['connection.not_connected', 'connection.unreachable', 'connection.timeout'] as const

/** Questions about a VM that its hosts answer. */
export const vmQuestions = {
  screenshot: vmScreenshot,
  placement: endpoint({
    method: 'GET',
    path: '/vms/:id/placement',
    summary: 'Show which hosts can run a VM now, and why others cannot',
    params,
    output: z.strictObject({ items: z.array(Placement) }),
    permission: 'vm:read',
    errors: ['vm.not_found', ...reaching],
    cli: { verb: 'vm placement', args: ['id'], columns: ['name', 'possible', 'free', 'reason', 'host'] },
  }),
  deletion: endpoint({
    method: 'GET',
    path: '/vms/:id/deletion',
    summary: 'Show what would go and what would stay if a VM were deleted',
    params,
    output: VmDeletion,
    permission: 'vm:read',
    errors: ['vm.not_found', ...reaching],
    cli: { verb: 'vm deletion', args: ['id'] },
  }),
} as const
