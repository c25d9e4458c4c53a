// Lists of 100,000 restore points, as the server makes them: the catalogue in memory, the handler's filter, order and page. Prints JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listObjects, type RepositoryId } from '@nixen/api'
import { silentLog } from '@nixen/core'
import { CatalogueFile } from '../../packages/server/src/repositories/catalogue-file.ts'
import { Catalogue } from '../../packages/server/src/repositories/catalogue.ts'

const count = Number(process.argv[2] ?? 100_000)
const folder = mkdtempSync(join(tmpdir(), 'nixen-bench-points-'))
const catalogue = new Catalogue(new CatalogueFile(join(folder, 'points.sqlite'), silentLog))
const machines = 1000
const begin = Date.UTC(2026, 0, 1)
const empty = process.memoryUsage().rss
const records = Array.from({ length: count }, (_, i) => {
  const vm = i % machines
  return {
    snapshot: i.toString(16).padStart(64, '0'),
    time: begin + Math.floor(i / machines) * 86_400_000 + vm * 1000,
    name: `vm-${String(vm).padStart(4, '0')}`,
    path: `/lineage${vm}`,
    tags: vm % 3 === 0 ? ['prod'] : ['test'],
    facts: {
      uuid: `uuid-${vm}`,
      lineage: `lineage${vm}`,
      ips: [`10.0.${vm >> 8}.${vm & 255}`],
      size: 4e10,
      disks: 1,
      job: 'b7m2x9q4k1zd/nightly',
    },
  }
})
// An id as a repository has one.
catalogue.add('b7m2x9q4k1zd' as RepositoryId, records)
const memory = process.memoryUsage().rss - empty
const queries = ['name:vm-0123', 'tag:prod', 'ip:10.0.2.17', 'time:>2026-03-01 tag:test', '"vm-07"']
const took: number[] = []
const cpu: number[] = []
for (let i = 0; i < 60; i++) {
  const q = queries[i % queries.length] ?? ''
  const before = process.cpuUsage()
  const begun = performance.now()
  const { items } = listObjects('point', catalogue.all(), { q, limit: 100, now: Date.now(), defaultSort: '-time' })
  JSON.stringify(items)
  // The first of each prepares its query.
  if (i < queries.length) continue
  took.push(performance.now() - begun)
  const { user, system } = process.cpuUsage(before)
  cpu.push((user + system) / 1000)
}
rmSync(folder, { recursive: true })
took.sort((a, b) => a - b)
cpu.sort((a, b) => a - b)
console.log(JSON.stringify({ p50: took[took.length >> 1], cpu: cpu[cpu.length >> 1], worstCpu: cpu.at(-1), memory }))
