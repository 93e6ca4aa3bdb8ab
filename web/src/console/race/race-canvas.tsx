// The live picture of a race: every shopper a dot. Drawn while something moves, and not otherwise. For those who cannot
// see it, or do not want things to move, the table beside it says the same.
import { useEffect, useRef } from 'react';
import { PLACES } from './race-picture.ts';
import type { RaceStage } from './race-stage.ts';

/** A frame after a pause (another tab was looked at) does not make the dots jump. */
const LONGEST_FRAME_MS = 100;

export function RaceCanvas({ stage }: { readonly stage: RaceStage }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (!element || !context) return;
    return animate(stage, element, context);
  }, [stage]);
  return (
    <div aria-hidden="true">
      <canvas ref={canvas} className="race-canvas" />
    </div>
  );
}

/** @returns ends it. */
function animate(
  stage: RaceStage,
  element: HTMLCanvasElement,
  context: CanvasRenderingContext2D,
): () => void {
  let frame = 0;
  let lastMs = 0;
  const draw = (nowMs: number) => {
    frame = 0;
    const elapsedMs = Math.min(LONGEST_FRAME_MS, lastMs === 0 ? 16 : nowMs - lastMs);
    lastMs = nowMs;
    stage.play(elapsedMs);
    const moving = stage.field.glide(elapsedMs);
    paint(stage, element, context);
    if (moving || stage.replaying) wake();
    else lastMs = 0;
  };
  const wake = () => {
    if (frame === 0) frame = requestAnimationFrame(draw);
  };
  const fit = () => {
    const scale = window.devicePixelRatio || 1;
    element.width = Math.round(element.clientWidth * scale);
    element.height = Math.round(element.clientHeight * scale);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    stage.field.resize(element.clientWidth, element.clientHeight);
    wake();
  };
  const observer = new ResizeObserver(fit);
  observer.observe(element);
  const forget = stage.subscribe(wake);
  fit();
  return () => {
    observer.disconnect();
    forget();
    cancelAnimationFrame(frame);
  };
}

function paint(
  { field, shoppers }: RaceStage,
  element: HTMLCanvasElement,
  context: CanvasRenderingContext2D,
): void {
  const { clientWidth: width, clientHeight: height } = element;
  const style = getComputedStyle(element);
  context.clearRect(0, 0, width, height);
  context.fillStyle = style.getPropertyValue('--line').trim();
  for (let zone = 1; zone < PLACES.length; zone += 1) context.fillRect(field.zoneLeftPx(zone), 0, 1, height);
  const side = Math.max(2, field.cellPx - (field.cellPx > 6 ? 3 : 1));
  for (const [zone, place] of PLACES.entries()) {
    context.fillStyle = style.getPropertyValue(`--place-${place}`).trim();
    for (let shopper = 0; shopper < shoppers; shopper += 1) {
      if (field.zoneOf(shopper) !== zone) continue;
      context.fillRect((field.x[shopper] ?? 0) - side / 2, (field.y[shopper] ?? 0) - side / 2, side, side);
    }
  }
}
