import { defineConfig } from 'vitest/config'

// One project a package, so that "npm test" can say how long each suite took.
export default defineConfig({
  test: {
    projects: ['core', 'xapi', 'api', 'disk', 'backup', 'toolstack', 'providers', 'server', 'cli', 'testkit'].map(
      (name) => ({
        test: {
          name,
          include: [`packages/${name}/{src,test}/**/*.test.ts`],
          setupFiles: ['scripts/vitest-setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          // As long as a busy machine may need; what comes earlier is seen earlier.
          expect: { poll: { timeout: 10_000 } },
        },
      }),
    ),
  },
})
