/** Unit of a data source; `1` for a plain number and `(fraction)` for 0 to 1. */
export type RrdUnit = 'B' | 'KiB' | 'B/s' | 'MiB/s' | 'µs' | 's/s' | 'MHz' | 'W' | '/s' | '(fraction)' | '1'

// In the order of trial: the first that fits. Names as xcp-rrdd gives them (section "data sources" of its plugins).
const units: readonly (readonly [RegExp, RrdUnit])[] = [
  [/^cpu(\d+|_avg|_usage)$|^cpu\d+-[CP]\d+$|^runstate_|^(xapi_)?hostload$|_utilisation$/, '(fraction)'],
  [/^CPU\d+-avg-freq$/i, 'MHz'],
  [/^DCMI-power-reading$/, 'W'],
  [/^memory(_target)?$|^memory_reclaimed/, 'B'],
  [/^memory_internal_free$|_kib$/, 'KiB'],
  [/^(vif|pif)_.*_(rx|tx)_errors$/, '/s'],
  [/^(vif|pif)_.*_(rx|tx)$/, 'B/s'],
  [/io_throughput_/, 'MiB/s'],
  [/iops_/, '/s'],
  [/iowait/, 's/s'],
  [/latency/, 'µs'],
  [/^vbd_.*_(read|write)$|^(read|write)_[0-9a-f]{8}$/, 'B/s'],
]

/** The unit of a data source by its name (`cpu0`, `vif_0_rx`, `io_throughput_read_1a2b3c4d`); `1` for names that are not known. */
export function unitOf(name: string): RrdUnit {
  return units.find(([pattern]) => pattern.test(name))?.[1] ?? '1'
}
