import { xmlText } from '../wire/xml-encode.ts'
import { meanAt, numberText, type Archive } from './archives.ts'
import type { Measured } from './sources.ts'

/** Rows of measurements, the newest first. */
export interface Updates {
  readonly cf: string
  readonly archive: Archive
  /** Seconds since 1970, the newest first. */
  readonly times: readonly number[]
  readonly measured: readonly Measured[]
}

function legend({ cf, measured }: Updates): string[] {
  return measured.flatMap(({ kind, uuid, series }) => series.map(({ name }) => `${cf}:${kind}:${uuid}:${name}`))
}

function row({ measured, archive }: Updates, time: number): string[] {
  return measured.flatMap(({ uuid, series }) =>
    series.map((one) => numberText(meanAt(uuid, one, { time, step: archive.step }))),
  )
}

/** As JSON: numbers are strings, since rrdd of 2023. */
export function* updatesJson(updates: Updates): Generator<string> {
  const names = legend(updates)
  const { times, archive } = updates
  const meta = {
    start: times.at(-1) ?? 0,
    step: archive.step,
    end: times[0] ?? 0,
    rows: times.length,
    columns: names.length,
    legend: names,
  }
  yield `{"meta":${JSON.stringify(meta)},"data":[`
  for (const [index, t] of times.entries()) {
    yield `${index > 0 ? ',' : ''}${JSON.stringify({ t, values: row(updates, t) })}`
  }
  yield ']}'
}

/** As XML. */
export function* updatesXml(updates: Updates): Generator<string> {
  const names = legend(updates)
  const { times, archive } = updates
  const meta = `<start>${times.at(-1) ?? 0}</start><step>${archive.step}</step><end>${times[0] ?? 0}</end><rows>${times.length}</rows><columns>${names.length}</columns>`
  const entries = names.map((name) => `<entry>${xmlText(name)}</entry>`).join('')
  yield `<xport><meta>${meta}<legend>${entries}</legend></meta><data>`
  for (const t of times)
    yield `<row><t>${t}</t>${row(updates, t)
      .map((value) => `<v>${value}</v>`)
      .join('')}</row>`
  yield '</data></xport>'
}
