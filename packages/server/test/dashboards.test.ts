import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isRecord } from '@nixen/core'
import { startToolstack } from '@nixen/toolstack'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { eventually, signUp, temporaryState, testServer } from './rig.ts'

const folder = join(import.meta.dirname, '../../../dashboards')

/** All texts under one of the names, anywhere in a dashboard. */
function* textsOf(value: unknown, names: ReadonlySet<string>): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* textsOf(item, names)
  if (!isRecord(value)) return
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner === 'string' && names.has(key)) yield inner
    else yield* textsOf(inner, names)
  }
}

/** Names of metrics in an expression of PromQL: what is no function, keyword, label or number. */
function metricsOf(expression: string): string[] {
  const bare = expression
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]|"[^"]*"/g, ' ')
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .replace(/^label_values\((\w+),.*\)$/, '$1')
  return [...bare.matchAll(/[a-zA-Z_]\w*(?!\w|\s*\()/g)]
    .map(([name]) => name)
    .filter((name) => !/^(or|and|unless|bool|offset)$/.test(name))
}

test('the dashboards ask for metrics that there are, and for nothing else', async () => {
  await using state = await temporaryState()
  await using pool = await startToolstack({ vms: 10, hosts: 2, tls: false, loginDelay: false })
  await using server = await testServer(state.path)
  const { client, fetch } = await signUp(server)
  await client.connection.add({ kind: 'xapi', address: pool.url, password: 'nixen' })
  await eventually(async () => (await client.vm.list({ limit: 1 })).items[0])
  const text = await (await fetch(`${server.url}metrics`)).text()
  const known = new Set([...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name))
  expect(known.size).toBeGreaterThan(20)
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  expect(files).toContain('nixen.json')
  for (const name of files) {
    const dashboard: unknown = JSON.parse(await readFile(join(folder, name), 'utf8'))
    const expressions = [...textsOf(dashboard, new Set(['expr', 'definition']))]
    expect(expressions.length).toBeGreaterThan(20)
    const asked = new Set(expressions.flatMap((expression) => metricsOf(expression)))
    expect([...asked].filter((metric) => !known.has(metric))).toEqual([])
    // What is measured and shown nowhere is forgotten soon.
    expect([...known].filter((metric) => metric !== undefined && !asked.has(metric))).toEqual([])
  }
})

// What Grafana's model of a dashboard asks for (grafana/grafana, kinds/dashboard/dashboard_kind.cue, schema version 39), as far as these files use it.
const source = z.strictObject({ type: z.literal('prometheus'), uid: z.literal('${source}') })
const gridPos = z.strictObject({
  x: z.int().min(0).max(23),
  y: z.int().min(0),
  w: z.int().min(1).max(24),
  h: z.int().min(1),
})
const row = z.looseObject({ type: z.literal('row'), id: z.int(), title: z.string().min(1), gridPos })
const panel = z.looseObject({
  type: z.enum(['stat', 'timeseries', 'bargauge', 'gauge', 'table']),
  id: z.int().positive(),
  title: z.string().min(1),
  gridPos,
  datasource: source,
  fieldConfig: z.looseObject({ defaults: z.looseObject({}), overrides: z.array(z.unknown()) }),
  options: z.looseObject({}).optional(),
  targets: z
    .array(z.looseObject({ refId: z.string().regex(/^[A-Z]$/), expr: z.string().min(1), datasource: source }))
    .min(1),
})
const variable = z.looseObject({ name: z.string(), type: z.enum(['datasource', 'query']), label: z.string() })
const model = z.looseObject({
  title: z.string().min(1),
  uid: z.string().regex(/^[\w-]{1,40}$/),
  schemaVersion: z.int().min(36),
  timezone: z.enum(['browser', 'utc', '']),
  time: z.strictObject({ from: z.string(), to: z.string() }),
  templating: z.strictObject({ list: z.array(variable) }),
  annotations: z.looseObject({ list: z.array(z.unknown()) }),
  panels: z.array(z.union([row, panel])),
})

test("the dashboards follow Grafana's model: panels on its grid that do not lie on each other, variables that are there", async () => {
  for (const name of (await readdir(folder)).filter((file) => file.endsWith('.json'))) {
    const text = await readFile(join(folder, name), 'utf8')
    const { panels, templating } = model.parse(JSON.parse(text))
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(24)
      return Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`)
    })
    expect(new Set(cells).size).toBe(cells.length)
    const variables = new Set(templating.list.map((one) => one.name))
    const used = [...text.matchAll(/\$\{?([a-z]\w*)/g)].map(([, found]) => found ?? '')
    expect(used.filter((found) => !variables.has(found))).toEqual([])
    for (const one of panels) {
      const refs = 'targets' in one ? z.array(z.looseObject({ refId: z.string() })).parse(one.targets) : []
      expect(new Set(refs.map(({ refId }) => refId)).size).toBe(refs.length)
    }
  }
})

test('names of metrics are found in expressions', () => {
  expect(metricsOf('sum(1 - nixen_up{name=~"$host"}) or vector(0)')).toEqual(['nixen_up'])
  expect(metricsOf('topk(10, a * on (id, name) b) / rate(c_total[5m])')).toEqual(['a', 'b', 'c_total'])
  expect(metricsOf('label_values(nixen_host_up, name)')).toEqual(['nixen_host_up'])
})
