import { z } from 'zod'
import { ConnectionId } from '../ids/own-id.ts'
import { HostId, PoolId, StorageId } from '../ids/resource-id.ts'
import { bytes, count, flag, tags, text, word } from '../schema/fields.ts'

/** How far a rolling reboot or update is. */
export const RollingState = z
  .strictObject({
    what: word(['reboot', 'update'], 'What is done with each host.'),
    done: count('Hosts that are done.'),
    hosts: count('Hosts of the pool.'),
  })
  .meta({ id: 'RollingState', description: 'How far a rolling reboot or update is.' })
export type RollingState = z.infer<typeof RollingState>

/** Hosts that are managed as one. A libvirt connection is a pool with one host. */
export const Pool = z
  .strictObject({
    id: PoolId,
    connection: ConnectionId,
    name: text('Name that people gave, or that of its only host.'),
    description: text('Text that people wrote.').optional(),
    tags,
    kind: word(['xapi', 'libvirt', 'proxmox'], 'Which provider speaks to it.'),
    master: HostId.optional().meta({ description: 'The host that leads it.' }),
    hosts: count('Number of its hosts.'),
    vms: count('Number of its VMs.'),
    running: count('Number of its VMs that run.'),
    cpus: count('Processors of all hosts.').optional(),
    memory: bytes('Memory of all hosts, in bytes.').optional(),
    memoryUsed: bytes('Memory in use on all hosts, in bytes.').optional(),
    version: text('Product and version of the hosts; absent when they differ.').optional(),
    defaultStorage: StorageId.optional().meta({ description: 'Where new disks go.' }),
    ha: flag('High availability is on.').optional(),
    autoStart: flag('VMs that are marked start with the pool.').optional(),
    updating: flag('A rolling update or reboot is going on.').optional(),
    rolling: RollingState.optional().meta({
      description:
        'A rolling reboot or update that has begun and is not through. When nobody works on it, it was interrupted.',
    }),
  })
  .meta({ id: 'Pool', description: 'Hosts that are managed as one.' })
export type Pool = z.infer<typeof Pool>
