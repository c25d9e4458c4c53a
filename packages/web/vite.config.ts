import tailwind from '@tailwindcss/vite'
import { defineConfig, type Plugin } from 'vite'

const literal = String.raw`('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")`
const fields = new RegExp(String.raw`\b(summary|description):\s*${literal}`, 'g')
const helpers = new RegExp(String.raw`\b(text|flag|count|bytes|time|duration|fraction)\(\s*${literal}`, 'g')
const words = new RegExp(String.raw`(\]|[a-z]\w*),\s*${literal},?\s*\)`, 'g')
/** Where endpoints and their inputs are declared; the fields of objects, which completions explain, are elsewhere. */
const declarations =
  /packages\/api\/src\/[^?]*(?:endpoints|actions|action|inputs|questions|placement|probe|restore|leftover|call|job|channel|alert|condition|target)\.ts$/

/** Takes the texts out of the contract that only documents need: OpenAPI, the command line. They were a tenth of the first load. */
function withoutDocuments(): Plugin {
  return {
    name: 'nixen-without-documents',
    enforce: 'pre',
    transform(code, id) {
      // Both packages only declare: what nobody uses, like the texts of the server's errors, need not come along.
      const moduleSideEffects = !/packages\/(?:api|core)\/src\//.test(id)
      // The tests of the contract have found it right; to look again would take all errors along.
      if (id.endsWith('packages/api/src/contract/endpoint.ts'))
        return { code: code.replace(/const problems = problemsOf\(spec\)\n.*\n/, ''), map: null, moduleSideEffects }
      if (!declarations.test(id)) return moduleSideEffects ? undefined : { code, map: null, moduleSideEffects }
      const short = code
        .replaceAll(fields, "$1: '-'")
        .replaceAll(helpers, "$1('-'")
        .replaceAll(words, (whole, before: string) => (whole.includes('word') ? whole : `${before}, '-')`))
      return { code: short, map: null, moduleSideEffects }
    },
  }
}

/** What comes with pages of its own, however many of them there are. */
const later = /node_modules\/(?:uplot|@xterm|@novnc|croner)\//
/** What nearly every page needs: one file of it loads faster than sixty. */
const base =
  /node_modules\/|packages\/(?:api|core)\/src\/|packages\/web\/src\/(?:ui|live|session|format|shell|lists|i18n)\/(?!qr|tree|de\/|fr\/|plural)|packages\/web\/src\/(?:value|base)\.ts/

export default defineConfig({
  // The server puts its base path before `./assets/`: one build works below any path.
  base: './',
  plugins: [withoutDocuments(), tailwind()],
  build: {
    target: 'es2024',
    // The polyfill would be an inline script, which the content security policy refuses.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 900,
    rolldownOptions: {
      // zod asks when its first schema is made what it may do; what tells it lies in front of all schemas.
      // A catalogue of messages is awaited by whatever has texts: what it needs itself must not lie among them.
      output: {
        codeSplitting: {
          groups: [
            { name: 'zod', test: /node_modules\/zod\/|src\/zod-config/, priority: 3 },
            { name: 'plural', test: /src\/i18n\/plural/, priority: 3 },
            { name: 'react', test: /node_modules\/(?:react|react-dom|scheduler)\//, priority: 2 },
            { name: 'base', test: (id: string) => base.test(id) && !later.test(id), minShareCount: 12, priority: 1 },
          ],
        },
      },
      onLog: (level, log, print) => {
        // Others' packages are marked for servers that render React; this is a browser.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') print(level, log)
      },
    },
  },
})
