import { describe, expect, test } from 'vitest';
import { createBreaker } from '../../src/dojo/breaker.ts';
import { DojoError } from '../../src/dojo/errors.ts';

const pauseMs = 10_000;
const failure = new DojoError('unavailable', 'Dojo failed.');
const hour = 3_600_000;
const minute = 60_000;

function rateLimited(retryAfterMs: number | null): DojoError {
  return new DojoError('rate-limited', 'Dojo asks to wait.', { retryAfterMs });
}

/** A breaker on a clock that stands still until it is moved. */
function createScene() {
  let nowMs = 1_000_000;
  const breaker = createBreaker({ failureLimit: 5, pauseMs, now: () => nowMs });
  return {
    ...breaker,
    advance(ms: number) {
      nowMs += ms;
    },
    call(error: DojoError | null) {
      breaker.enter();
      if (error === null) breaker.succeeded();
      else breaker.failed(error);
    },
    /** How long a caller must wait; null where the call may go ahead, and then it is running. */
    refusedForMs(): number | null {
      try {
        breaker.enter();
        return null;
      } catch (error) {
        expect(error).toMatchObject({ name: 'DojoError', kind: 'paused' });
        return (error as DojoError).retryAfterMs;
      }
    },
  };
}

function createPausedScene() {
  const scene = createScene();
  for (let count = 0; count < 5; count += 1) scene.call(failure);
  return scene;
}

describe('the breaker lets calls through', () => {
  test('while Dojo answers', () => {
    const scene = createScene();
    for (let count = 0; count < 20; count += 1) scene.call(null);
    expect(scene.refusedForMs()).toBe(null);
  });

  test('after four failures in a row', () => {
    const scene = createScene();
    for (let count = 0; count < 4; count += 1) scene.call(failure);
    expect(scene.refusedForMs()).toBe(null);
  });

  test('after any number of failures, with answers between them', () => {
    const scene = createScene();
    for (let count = 0; count < 20; count += 1) scene.call(count % 5 === 4 ? null : failure);
    expect(scene.refusedForMs()).toBe(null);
  });

  test('many at once while Dojo answers', () => {
    const scene = createScene();
    for (let count = 0; count < 100; count += 1) expect(scene.refusedForMs()).toBe(null);
  });
});

describe('after five failures in a row the breaker stops calls', () => {
  test('for the whole pause, and callers learn how much of it is left', () => {
    const scene = createPausedScene();
    expect(scene.refusedForMs()).toBe(pauseMs);
    scene.advance(pauseMs - 1);
    expect(scene.refusedForMs()).toBe(1);
  });

  test('from all but one caller once the pause is over', () => {
    const scene = createPausedScene();
    scene.advance(pauseMs);
    expect(scene.refusedForMs()).toBe(null);
    for (let count = 0; count < 10; count += 1) expect(scene.refusedForMs()).toBe(pauseMs);
  });

  test('until one call succeeds', () => {
    const scene = createPausedScene();
    scene.advance(pauseMs);
    scene.call(null);
    for (let count = 0; count < 10; count += 1) expect(scene.refusedForMs()).toBe(null);
  });

  test('for another pause when that one call fails', () => {
    const scene = createPausedScene();
    scene.advance(pauseMs);
    scene.call(failure);
    expect(scene.refusedForMs()).toBe(pauseMs);
    scene.advance(pauseMs);
    expect(scene.refusedForMs()).toBe(null);
  });

  test('and it takes five more failures after Dojo has answered', () => {
    const scene = createPausedScene();
    scene.advance(pauseMs);
    scene.call(null);
    for (let count = 0; count < 4; count += 1) scene.call(failure);
    expect(scene.refusedForMs()).toBe(null);
    scene.failed(failure);
    expect(scene.refusedForMs()).toBe(pauseMs);
  });
});

describe('after a 429 the breaker stops calls', () => {
  test('for the minute that Dojo asks for', () => {
    const scene = createScene();
    scene.call(rateLimited(minute));
    expect(scene.refusedForMs()).toBe(minute);
    scene.advance(minute - 1);
    expect(scene.refusedForMs()).toBe(1);
    scene.advance(1);
    expect(scene.refusedForMs()).toBe(null);
  });

  test('for the usual pause when Dojo does not say how long', () => {
    const scene = createScene();
    scene.call(rateLimited(null));
    expect(scene.refusedForMs()).toBe(pauseMs);
  });

  test('for the longer of two waits', () => {
    const scene = createScene();
    scene.enter();
    scene.enter();
    scene.failed(rateLimited(minute));
    scene.failed(rateLimited(1_000));
    expect(scene.refusedForMs()).toBe(minute);
  });

  test('even when an earlier call is answered', () => {
    const scene = createScene();
    scene.enter();
    scene.enter();
    scene.failed(rateLimited(minute));
    scene.succeeded();
    expect(scene.refusedForMs()).toBe(minute);
  });

  test.each([hour, 24 * hour, 1e15])('for two minutes at most, although Dojo asks for %i ms', (ms) => {
    const scene = createScene();
    scene.call(rateLimited(ms));
    expect(scene.refusedForMs()).toBe(2 * minute);
  });
});
