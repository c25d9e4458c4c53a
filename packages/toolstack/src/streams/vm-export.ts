import { collectBytes } from '@nixen/core'
import { writeXva, type StreamCompression, type XvaSource } from '@nixen/disk'
import type { Ref } from '../generated/rows.ts'
import { withOperation } from '../operations/with-operation.ts'
import type { Pool } from '../pool/pool.ts'
import type { HttpHandler } from '../wire/http-exchange.ts'
import { hostSeeing, namedObject } from './objects.ts'
import { placeOf, withProgress } from './raw-vdi-export.ts'
import { sendBytes, startDownload, streamHandler, type Transfer } from './stream-handler.ts'
import { describeVms, type VmPackage } from './vm-package.ts'

/** GET /export: a VM with its disks as an XVA. */
export function exportVm(pool: Pool): HttpHandler {
  return streamHandler(pool, {
    action: 'get_export',
    label: 'Exporting VM',
    hostFor: ({ db }, { query, host }) => {
      const { disks } = describeVms(pool, [namedVm(pool, query)], { snapshots: false })
      const srs = new Set(disks.map(({ vdi }) => db.get('VDI', vdi).SR))
      return hostSeeing(db, srs, host)
    },
    work: async (transfer) => {
      const vm = namedVm(pool, transfer.query)
      await withOperation(transfer.call, { cls: 'VM', op: 'export' }, vm, () => sendVm(transfer, vm))
      return ''
    },
  })
}

function namedVm({ db }: Pool, query: URLSearchParams): Ref<'VM'> {
  return namedObject(db, 'VM', query.get('ref') ?? query.get('uuid'))
}

async function sendVm(transfer: Transfer, vm: Ref<'VM'>): Promise<void> {
  const { pool, query, signal } = transfer
  const { ovaXml, disks } = describeVms(pool, [vm], { snapshots: false })
  await using opened = new AsyncDisposableStack()
  const sources: XvaSource[] = []
  for (const { ref, vdi } of disks) {
    const source = opened.use(await pool.storage.open(placeOf(pool, vdi)))
    sources.push({ ref, source: withProgress(source, transfer) })
  }
  const compression = compressionOf(query.get('use_compression'))
  startDownload(transfer, { type: 'application/octet-stream', name: `${pool.db.get('VM', vm).uuid}.xva` })
  await sendBytes(transfer, writeXva({ ovaXml, disks: sources, compression, signal }))
}

function compressionOf(text: string | null): StreamCompression {
  if (text === 'zstd') return 'zstd'
  return text === 'true' || text === 'gzip' ? 'gzip' : 'none'
}

/** GET /export_metadata: what an XVA says about one VM or all, without data. */
export function exportMetadata(pool: Pool): HttpHandler {
  return streamHandler(pool, {
    action: 'get_export_metadata',
    label: 'Exporting VM metadata',
    work: async (transfer) => {
      const { ovaXml } = packageFor(transfer)
      const bytes = await collectBytes(writeXva({ ovaXml, disks: [] }))
      startDownload(transfer, { type: 'application/octet-stream', length: bytes.length, name: 'metadata.xva' })
      await sendBytes(
        transfer,
        (async function* () {
          yield bytes
        })(),
      )
      return ''
    },
  })
}

function packageFor({ pool, query }: Transfer): VmPackage {
  const snapshots = query.get('export_snapshots') !== 'false'
  const parents = query.get('include_vhd_parents') === 'true'
  const dom0 = query.get('include_dom0') !== 'false'
  if (query.get('all') !== 'true') return describeVms(pool, [namedVm(pool, query)], { snapshots, parents })
  const vms = [...pool.db.rows('VM')].filter(
    ({ values }) => !values.is_default_template && !values.is_a_snapshot && (dom0 || !values.is_control_domain),
  )
  return describeVms(
    pool,
    vms.map(({ ref }) => ref),
    { snapshots, parents },
  )
}
