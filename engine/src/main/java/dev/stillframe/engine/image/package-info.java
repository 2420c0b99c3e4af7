/**
 * The image format: writer, reader, verifier, exporters. Byte layouts in engine/IMAGE.md; Chronicle
 * Bytes stays in here.
 */
@NullMarked
package dev.stillframe.engine.image;

import org.jspecify.annotations.NullMarked;
