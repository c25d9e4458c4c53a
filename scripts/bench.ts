// npm run bench -- SUITE [SUITE …]: runs benchmark suites; one JSON line a figure, then a table.
import { existsSync, globSync } from 'node:fs'
import { root } from './lib.ts'
import type { Figure } from '../bench/figure.ts'

const known = globSync('bench/*/main.ts', { cwd: root })
  .map((file) => file.split('/')[1] ?? '')
  .toSorted()
const wanted = process.argv.slice(2)
const unknown = wanted.filter((suite) => !existsSync(`${root}bench/${suite}/main.ts`))
if (wanted.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`There is no benchmark suite named ${unknown.join(', ')}.`)
  console.error(`Usage: npm run bench -- SUITE [SUITE …]\nSuites: ${known.join(', ') || 'none yet'}`)
  process.exit(2)
}

const figures: Figure[] = []
for (const suite of wanted) {
  // The path is one that was just seen to exist; every suite exports `run`.
  const { run } = (await import(`../bench/${suite}/main.ts`)) as { run: () => Promise<Figure[]> }
  for (const figure of await run()) {
    console.log(JSON.stringify(figure))
    figures.push(figure)
  }
}

const number = (value: number | undefined): string =>
  value === undefined ? '' : Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
const rows = figures.map(({ suite, figure, unit, ours, peer, ratio, note }) => [
  suite,
  figure,
  number(ours),
  `${number(peer)}${note === undefined ? '' : ' *'}`,
  unit,
  number(ratio),
])
const header = ['suite', 'figure', 'ours', 'peer', 'unit', 'ours/peer']
const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
for (const row of [header, ...rows]) console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
for (const note of new Set(figures.flatMap((one) => one.note ?? []))) console.log(`* ${note}`)
