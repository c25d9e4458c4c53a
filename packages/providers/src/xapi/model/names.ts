import type { Names } from '../refusals/sentence.ts'
import type { Model } from './model.ts'

/** Finds the objects of a model by their references, for the sentences of errors. */
export function namesIn(model: Model): Names {
  const { vms, hosts, srs, vdis, networks, pools, vifs, pifs, vbds } = model
  return (ref) => {
    const row = vms.get(ref) ?? hosts.get(ref) ?? srs.get(ref) ?? vdis.get(ref) ?? networks.get(ref) ?? pools.get(ref)
    if (row) return row.name === '' ? undefined : { id: row.id, name: row.name }
    const nic = vifs.get(ref) ?? pifs.get(ref)
    if (nic) return { id: nic.id, name: nic.device }
    const disk = vdis.get(vbds.get(ref)?.vdi ?? '')
    return disk && disk.name !== '' ? { id: disk.id, name: disk.name } : undefined
  }
}
