import { flag, object, optional, text, whole } from "./schema.mjs";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

export const MESSAGE_CHARACTERS_MAX = 10000;

export const chatRequestSchema = object({
  sessionId: text({ form: UUID }),
  message: text({ min: 1, max: MESSAGE_CHARACTERS_MAX }),
  stream: optional(flag(), true),
  userId: optional(text({ min: 1, max: 200 })),
});

export const feedbackRequestSchema = object({
  sessionId: text({ form: UUID }),
  rating: whole({ min: 1, max: 5 }),
  comment: optional(text({ max: MESSAGE_CHARACTERS_MAX })),
});

export const sessionRequestSchema = object({
  title: optional(text({ min: 1, max: 200 })),
});
