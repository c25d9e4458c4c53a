import { readFileSync } from 'node:fs'

/** Reads the data model of the API, shared with `@nixen/xapi`. */
export function readDataModel(): unknown {
  return readJson(new URL('../../../xapi/data/xenapi.json', import.meta.url))
}

/** Reads the rules that say which operation is allowed when. */
export function readOperations(): unknown {
  return readJson(new URL('../../data/operations.json', import.meta.url))
}

/** Reads the SR types with their features and `device_config` keys. */
export function readSrTypes(): unknown {
  return readJson(new URL('../../data/sr-types.json', import.meta.url))
}

function readJson(url: URL): unknown {
  return JSON.parse(readFileSync(url, 'utf8'))
}
