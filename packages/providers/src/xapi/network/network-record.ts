import type { Network } from '@nixen/api'
import { isYes, sizeOrZero, tagsOf } from '../model/fields.ts'
import type { RecordHandler } from '../model/handler.ts'
import type { Model } from '../model/model.ts'
import type { NetworkRow } from '../model/rows.ts'

/** `network`. */
export const networkHandler: RecordHandler<'network'> = {
  put(model, ref, record) {
    const old = model.networks.get(ref)
    const row: NetworkRow = {
      id: old?.id ?? model.id('network', record.uuid, ref),
      name: record.name_label,
      description: record.name_description,
      tags: tagsOf(record.tags),
      bridge: record.bridge,
      mtu: sizeOrZero(record.MTU),
      automatic: isYes(record.other_config['automatic']),
      nbd: record.purpose.some((purpose) => purpose === 'nbd' || purpose === 'insecure_nbd'),
      built: old?.built,
    }
    model.networks.set(ref, row)
    model.mark('network', ref)
    if (!old) markNics(model, ref)
  },
  remove(model, ref) {
    const old = model.networks.get(ref)
    model.networks.delete(ref)
    if (old?.built) model.markGone(old.built.id)
    markNics(model, ref)
  },
}

/** NICs name their networks. */
function markNics(model: Model, ref: string): void {
  model.markWhere('VIF', model.vifs, ({ network }) => network === ref)
  model.markEach('PIF', model.pifsOfNetwork.of(ref))
}

export function buildNetwork(model: Model, ref: string, row: NetworkRow): Network | undefined {
  const { pool, connection } = model
  if (!pool) return undefined
  const pifs = model.pifsOfNetwork
    .of(ref)
    .map((pif) => model.pifs.get(pif))
    .filter((pif) => pif !== undefined)
  const network: Network = {
    id: row.id,
    connection,
    pool,
    name: row.name,
    tags: row.tags,
    kind: pifs.length === 0 ? 'internal' : pifs.every(({ kind }) => kind === 'tunnel') ? 'tunnel' : 'external',
    nics: model.nicsOfNetwork.of(ref),
    default: row.automatic,
  }
  if (row.description !== '') network.description = row.description
  if (row.bridge !== '') network.bridge = row.bridge
  if (row.mtu > 0) network.mtu = row.mtu
  const [first] = pifs
  if (first?.vlan !== undefined && pifs.every(({ vlan }) => vlan === first.vlan)) network.vlan = first.vlan
  if (row.nbd) network.nbd = true
  return network
}
