import { xmlText } from '../wire/xml-encode.ts'
import { archives, meanAt, numberText, rowTimes, type Archive } from './archives.ts'
import type { Series } from './series.ts'
import type { Measured } from './sources.ts'

/** All archives of one object as `rrdtool dump` writes them. */
export function* fullXml({ uuid, series }: Measured, now: number): Generator<string> {
  const lastUpdate = Math.floor(now / 5) * 5
  yield `<rrd><version>0003</version><step>5</step><lastupdate>${lastUpdate}</lastupdate>`
  for (const one of series) {
    const value = numberText(meanAt(uuid, one, { time: lastUpdate, step: 5 }))
    yield `<ds><name>${xmlText(one.name)}</name><type>GAUGE</type><minimal_heartbeat>300.0000</minimal_heartbeat><min>0.0</min><max>Infinity</max><last_ds>${value}</last_ds><value>${value}</value><unknown_sec>0</unknown_sec></ds>`
  }
  for (const archive of archives) {
    yield `<rra><cf>AVERAGE</cf><pdp_per_row>${archive.step / 5}</pdp_per_row><params><xff>0.5000</xff></params><cdp_prep>`
    yield series
      .map(
        () =>
          '<ds><primary_value>0.0</primary_value><secondary_value>0.0</secondary_value><value>0.0</value><unknown_datapoints>0</unknown_datapoints></ds>',
      )
      .join('')
    yield '</cdp_prep><database>'
    for (const values of rowsOf(uuid, series, archive, now))
      yield `<row>${values.map((value) => `<v>${value}</v>`).join('')}</row>`
    yield '</database></rra>'
  }
  yield '</rrd>'
}

/** The same as JSON. */
export function* fullJson({ uuid, series }: Measured, now: number): Generator<string> {
  const lastUpdate = Math.floor(now / 5) * 5
  const ds = series.map(({ name }) => ({
    name,
    type: 'GAUGE',
    minimal_heartbeat: '300.0000',
    min: '0.0',
    max: 'Infinity',
  }))
  yield `{"step":"5","lastupdate":"${lastUpdate}","ds":${JSON.stringify(ds)},"rra":[`
  for (const [index, archive] of archives.entries()) {
    yield `${index > 0 ? ',' : ''}{"cf":"AVERAGE","pdp_per_row":"${archive.step / 5}","xff":"0.5000","database":[`
    let first = true
    for (const values of rowsOf(uuid, series, archive, now)) {
      yield `${first ? '' : ','}${JSON.stringify(values)}`
      first = false
    }
    yield ']}'
  }
  yield ']}'
}

/** Rows of an archive, the oldest first. */
function* rowsOf(uuid: string, series: readonly Series[], archive: Archive, now: number): Generator<string[]> {
  for (const time of rowTimes(archive, { start: 0, now }).toReversed()) {
    yield series.map((one) => numberText(meanAt(uuid, one, { time, step: archive.step })))
  }
}
