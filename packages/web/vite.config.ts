import tailwind from '@tailwindcss/vite'
import { defineConfig } from 'vite'

export default defineConfig({
  // The server puts its base path before `./assets/`: one build works below any path.
  base: './',
  plugins: [tailwind()],
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
            { name: 'zod', test: /node_modules\/zod\/|src\/zod-config/ },
            { name: 'plural', test: /src\/i18n\/plural/ },
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
