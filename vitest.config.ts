import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// One project a package, so that "npm test" can say how long each suite took.
export default defineConfig({
  test: {
    // On two cores, too, two files at a time: most tests wait for programs that they have started.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      'nix',
      'core',
      'xapi',
      'libvirt',
      'api',
      'disk',
      'backup',
      'toolstack',
      'providers',
      'server',
      'web',
      'cli',
      'testkit',
    ].map((name) => ({
      test: {
        name,
        include: name === 'nix' ? ['nix/tests/**/*.test.ts'] : [`packages/${name}/{src,test}/**/*.test.ts`],
        setupFiles: ['scripts/vitest-setup.ts'],
        // Against hangs only: a slow machine that is busy needs many times what this one does.
        testTimeout: 120_000,
        hookTimeout: 120_000,
        // As long as a busy machine may need; what comes earlier is seen earlier.
        expect: { poll: { timeout: 10_000 } },
      },
    })),
  },
})
