import { z } from 'zod'

// The content security policy allows no code that is made at run time, and zod would try when the first schema is made: this module comes first.
z.config({ jitless: true })
