import type { Model } from './model.ts'
import { identifier } from './names.ts'

/** `errors.ts`: parameters of each known error code as labelled tuples. */
export function generateErrors(model: Model): string {
  const lines = model.errors.map(({ name, params }) => `  ${name}: ${params ? tuple(params) : 'readonly string[]'}`)
  return `/** Parameters of each error code that the data model declares, in their order on the wire. A host may send fewer or more. */
export interface XapiErrorParams {
${lines.join('\n')}
}
`
}

function tuple(params: readonly string[]): string {
  const labels = new Set<string>()
  const items = params.map((param) => {
    const rest = param.endsWith('...')
    let label = identifier(param.replace(/\.\.\.$/, ''))
    while (labels.has(label)) label += '_'
    labels.add(label)
    return rest ? `...${label}: string[]` : `${label}: string`
  })
  return `readonly [${items.join(', ')}]`
}
