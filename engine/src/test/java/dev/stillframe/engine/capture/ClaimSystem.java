package dev.stillframe.engine.capture;

import dev.stillframe.engine.mmu.CowPolicy;
import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.Message;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.engine.mmu.Task;
import dev.stillframe.engine.mmu.Userfault;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * From T0 on, in atomic steps: writers that store to protected pages, a handler that answers
 * faults, and a sweeper that copies page after page. Claims are those of a {@link Block}; memory is
 * the model's. A copy takes two steps, as no copy is atomic; removing a protection and waking are
 * two as well, as they are in the kernel.
 */
final class ClaimSystem implements Explorer.Steps {
    private static final int PAGE = Block.PAGE_BYTES;
    private static final int SECOND_HALF = PAGE / 2;
    private static final int UNPROTECT_ONLY = 2;

    /** What a page's claim becomes when it is taken, and what is done then, in which order. */
    record Discipline(String name, byte owned, List<Stage> plan) {
        /** CLEAN, COPYING, copied, DONE, unprotected. */
        static final Discipline THREE_STATES =
                new Discipline(
                        "three states",
                        Claim.COPYING,
                        List.of(
                                Stage.COPY_FIRST_HALF,
                                Stage.COPY_SECOND_HALF,
                                Stage.SET_DONE,
                                Stage.UNPROTECT,
                                Stage.WAKE));

        /** CLEAN, DONE, copied, unprotected. */
        static final Discipline TWO_STATES =
                new Discipline(
                        "two states",
                        Claim.DONE,
                        List.of(
                                Stage.COPY_FIRST_HALF,
                                Stage.COPY_SECOND_HALF,
                                Stage.UNPROTECT,
                                Stage.WAKE));

        /** CLEAN, COPYING, unprotected, copied, DONE. */
        static final Discipline UNPROTECT_FIRST =
                new Discipline(
                        "unprotected first",
                        Claim.COPYING,
                        List.of(
                                Stage.UNPROTECT,
                                Stage.WAKE,
                                Stage.COPY_FIRST_HALF,
                                Stage.COPY_SECOND_HALF,
                                Stage.SET_DONE));
    }

    private final Discipline discipline;
    private final Mmu mmu = new Mmu(CowPolicy.MODERN);
    private final EmulatedProcess target = mmu.newProcess();
    private final Userfault uffd = target.userfaultfd();
    private final long start;
    private final int pages;
    private final Block block = new Block(0);
    private final byte[] image;
    private final List<Writer> writers = new ArrayList<>();
    private final List<String> parkOrder = new ArrayList<>();
    private final Copying handler = new Copying();
    private final Copying sweeper = new Copying();
    private int nextSwept;

    /**
     * Stores eight bytes across the middle of one page after the other, so that a copy of two
     * halves can be torn.
     */
    private final class Writer {
        final Task task = target.newTask();
        final String name;
        final int[] route;
        int next;

        Writer(String name, int[] route) {
            this.name = name;
            this.route = route;
        }

        boolean isAble() {
            return task.isParked() ? task.isWoken() : next < route.length;
        }

        String step() {
            Outcome outcome =
                    task.isParked()
                            ? task.proceed()
                            : task.store(address(route[next]) + SECOND_HALF - 4, -1L, 8);
            if (outcome instanceof Outcome.Parked) {
                parkOrder.add(name + route[next]);
                return "parks at page " + route[next];
            }
            return "writes page " + route[next++];
        }
    }

    /** Somebody who copies: the page that it is at, and how far it is. */
    private static final class Copying {
        int page = -1;
        final List<Stage> left = new ArrayList<>();
    }

    /** A step of whoever has taken a page. */
    enum Stage {
        COPY_FIRST_HALF,
        COPY_SECOND_HALF,
        SET_DONE,
        UNPROTECT,
        WAKE
    }

    ClaimSystem(Discipline discipline, int pages, int[]... routes) {
        this.discipline = discipline;
        this.pages = pages;
        this.image = new byte[pages * 2];
        uffd.api();
        start = target.mapAnonymous((long) pages * PAGE);
        for (int page = 0; page < pages; page++) {
            target.task().store(address(page) + SECOND_HALF - 4, 0x0101_0101_0101_0101L, 8);
            block.set(page, Claim.CLEAN);
        }
        uffd.register(start, (long) pages * PAGE, Userfault.MODE_WP);
        uffd.protect(start, (long) pages * PAGE);
        for (int i = 0; i < routes.length; i++) {
            writers.add(new Writer("writer" + i, routes[i]));
        }
    }

    @Override
    public List<String> able() {
        List<String> able = new ArrayList<>();
        writers.stream().filter(Writer::isAble).forEach(w -> able.add(w.name));
        if (!handler.left.isEmpty() || uffd.pendingFaults() > 0) {
            able.add("handler");
        }
        if (!sweeper.left.isEmpty() || nextSwept < pages) {
            able.add("sweeper");
        }
        return able;
    }

    @Override
    public String step(String actor) {
        return switch (actor) {
            case "handler" -> handler.left.isEmpty() ? readMessage() : goOn(handler);
            case "sweeper" -> sweeper.left.isEmpty() ? sweepNext() : goOn(sweeper);
            default -> writers.get(actor.charAt(actor.length() - 1) - '0').step();
        };
    }

    private String readMessage() {
        Message.Fault fault =
                (Message.Fault) uffd.read(Userfault.MESSAGE_BYTES).messages().getFirst();
        handler.page = (int) ((fault.address() - start) / PAGE);
        String taken = take(handler);
        if (!handler.left.isEmpty() || block.claim(handler.page) != Claim.DONE) {
            return "is told of page " + handler.page + ", " + taken;
        }
        handler.left.addAll(List.of(Stage.UNPROTECT, Stage.WAKE));
        return "is told of page " + handler.page + ", which is done";
    }

    private String sweepNext() {
        sweeper.page = nextSwept++;
        return take(sweeper);
    }

    /** Claims its page and plans what follows; without the claim there is nothing to do. */
    private String take(Copying copying) {
        if (!block.move(copying.page, Claim.CLEAN, discipline.owned)) {
            return "finds page " + copying.page + " taken";
        }
        copying.left.addAll(discipline.plan);
        return "takes page " + copying.page;
    }

    private String goOn(Copying copying) {
        int page = copying.page;
        Stage stage = copying.left.removeFirst();
        switch (stage) {
            case COPY_FIRST_HALF ->
                    image[2 * page] = target.peek(address(page) + SECOND_HALF - 4, 1)[0];
            case COPY_SECOND_HALF ->
                    image[2 * page + 1] = target.peek(address(page) + SECOND_HALF, 1)[0];
            case SET_DONE -> block.set(page, Claim.DONE);
            case UNPROTECT -> uffd.writeProtect(address(page), PAGE, UNPROTECT_ONLY);
            case WAKE -> {
                uffd.wake(address(page), PAGE);
                parkOrder.removeIf(parked -> parked.endsWith(String.valueOf(page)));
            }
        }
        return stage + " of page " + page;
    }

    @Override
    public String state() {
        StringBuilder state = new StringBuilder();
        for (int page = 0; page < pages; page++) {
            state.append(block.claim(page))
                    .append(target.bits(address(page)))
                    .append(target.peek(address(page) + SECOND_HALF, 1)[0])
                    .append(image[2 * page])
                    .append(image[2 * page + 1])
                    .append(' ');
        }
        for (Writer writer : writers) {
            state.append(writer.next).append(writer.task.isParked()).append(writer.task.isWoken());
        }
        return state.append(parkOrder)
                .append(uffd.pendingFaults())
                .append(handler.page)
                .append(handler.left)
                .append(nextSwept)
                .append(sweeper.left)
                .toString();
    }

    @Override
    public @Nullable String fault() {
        if (!mmu.parked().isEmpty()) {
            return "somebody is still parked";
        }
        for (int page = 0; page < pages; page++) {
            if (block.claim(page) != Claim.DONE) {
                return "page " + page + " is not done";
            }
            if (image[2 * page] != 1 || image[2 * page + 1] != 1) {
                return "page " + page + " of the image is not that of T0";
            }
        }
        return null;
    }

    private long address(int page) {
        return start + (long) page * PAGE;
    }
}
