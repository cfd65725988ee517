// Training-time kernels for x86 CPUs: bfloat16, channels-last, one thread. Rows are pixels, C is contiguous.
#include <ATen/ATen.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

using at::Tensor;
typedef uint16_t bf16;
typedef float floats __attribute__((vector_size(64), aligned(4)));
typedef uint32_t words __attribute__((vector_size(64), aligned(4)));
typedef int32_t masks __attribute__((vector_size(64), aligned(4)));
typedef bf16 halves __attribute__((vector_size(32), aligned(2)));
typedef uint8_t bytes __attribute__((vector_size(16), aligned(1)));
static constexpr int LANES = 16;

static inline floats widen(const bf16* p) {
  return (floats)(__builtin_convertvector(*(const halves*)p, words) << 16);
}

// Round to nearest even; NaN does not occur behind finite convolutions.
static inline void narrow(floats value, bf16* p) {
  const words bits = (words)value;
  *(halves*)p = __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, halves);
}

static inline floats read(const float* p) { return *(const floats*)p; }
static inline void write(float* p, floats v) { *(floats*)p = v; }

static bf16* data(const Tensor& t) { return reinterpret_cast<bf16*>(t.data_ptr<at::BFloat16>()); }

static Tensor like(int64_t n, int64_t c, int64_t h, int64_t w, const Tensor& t) {
  return at::empty({n, c, h, w}, t.options(), at::MemoryFormat::ChannelsLast);
}

static void check(const Tensor& t) {
  TORCH_CHECK(t.scalar_type() == at::kBFloat16 && t.is_contiguous(at::MemoryFormat::ChannelsLast) && t.size(1) % LANES == 0,
              "expected a channels-last bfloat16 tensor with a multiple of 16 channels");
}

// Rows summed in float before the sum moves to double.
static constexpr int64_t BLOCK = 128;

// Per-channel mean and biased variance of x: float32[2,C].
Tensor moments(const Tensor& x) {
  check(x);
  const int64_t C = x.size(1), rows = x.numel() / C;
  std::vector<double> sum(C), squares(C);
  std::vector<float> s(C), q(C);
  const bf16* p = data(x);
  for (int64_t start = 0; start < rows; start += BLOCK) {
    const int64_t end = std::min(rows, start + BLOCK);
    std::fill(s.begin(), s.end(), 0.f);
    std::fill(q.begin(), q.end(), 0.f);
    float *sp = s.data(), *qp = q.data();
    for (int64_t r = start; r < end; r++, p += C)
      for (int64_t c = 0; c < C; c += LANES) {
        const floats v = widen(p + c);
        write(sp + c, read(sp + c) + v);
        write(qp + c, read(qp + c) + v * v);
      }
    for (int64_t c = 0; c < C; c++) sum[c] += s[c], squares[c] += q[c];
  }
  Tensor result = at::empty({2, C}, at::kFloat);
  float* out = result.data_ptr<float>();
  for (int64_t c = 0; c < C; c++) {
    const double mean = sum[c] / rows;
    out[c] = float(mean);
    out[C + c] = float(std::max(0.0, squares[c] / rows - mean * mean));
  }
  return result;
}

// relu(x * scale + shift) per channel.
Tensor affine_relu(const Tensor& x, const Tensor& scale, const Tensor& shift) {
  check(x);
  const int64_t C = x.size(1), rows = x.numel() / C;
  Tensor y = at::empty_like(x);
  const bf16* p = data(x);
  bf16* o = data(y);
  const float *a = scale.data_ptr<float>(), *b = shift.data_ptr<float>();
  for (int64_t r = 0; r < rows; r++, p += C, o += C)
    for (int64_t c = 0; c < C; c += LANES) {
      const floats v = widen(p + c) * read(a + c) + read(b + c);
      narrow(v > 0.f ? v : floats{}, o + c);
    }
  return y;
}

// d where x * scale + shift > 0, else 0.
static inline floats masked(floats d, floats x, const float* scale, const float* shift) {
  return (floats)((masks)d & (x * read(scale) + read(shift) > 0.f));
}

// Gradient of batch norm (training) and the ReLU behind it, whose mask is x * scale + shift > 0: dx, dweight, dbias.
std::vector<Tensor> norm_relu_backward(const Tensor& grad, const Tensor& x, const Tensor& scale, const Tensor& shift,
                                       const Tensor& mean, const Tensor& inverse_std) {
  check(grad);
  check(x);
  const int64_t C = x.size(1), rows = x.numel() / C;
  std::vector<double> sum(C), product(C);
  std::vector<float> s(C), q(C);
  const bf16 *g = data(grad), *p = data(x);
  const float *mu = mean.data_ptr<float>(), *is = inverse_std.data_ptr<float>();
  const float *sc = scale.data_ptr<float>(), *sh = shift.data_ptr<float>();
  for (int64_t start = 0; start < rows; start += BLOCK) {
    const int64_t end = std::min(rows, start + BLOCK);
    std::fill(s.begin(), s.end(), 0.f);
    std::fill(q.begin(), q.end(), 0.f);
    float *sp = s.data(), *qp = q.data();
    for (int64_t r = start; r < end; r++, g += C, p += C)
      for (int64_t c = 0; c < C; c += LANES) {
        const floats v = widen(p + c), d = masked(widen(g + c), v, sc + c, sh + c);
        write(sp + c, read(sp + c) + d);
        write(qp + c, read(qp + c) + d * (v - read(mu + c)));
      }
    for (int64_t c = 0; c < C; c++) sum[c] += s[c], product[c] += q[c];
  }
  Tensor dx = at::empty_like(x), dw = at::empty({C}, at::kFloat), db = at::empty({C}, at::kFloat);
  std::vector<float> b(C), k(C);
  for (int64_t c = 0; c < C; c++) {
    dw.data_ptr<float>()[c] = float(product[c] * is[c]);
    db.data_ptr<float>()[c] = float(sum[c]);
    // dx = scale·(d − mean(d) − x̂·mean(d·x̂)) = scale·d + b·x + k
    b[c] = float(-sc[c] * is[c] * is[c] * product[c] / rows);
    k[c] = float(-sc[c] * sum[c] / rows - b[c] * mu[c]);
  }
  g = data(grad), p = data(x);
  bf16* o = data(dx);
  const float *bp = b.data(), *kp = k.data();
  for (int64_t r = 0; r < rows; r++, g += C, p += C, o += C)
    for (int64_t c = 0; c < C; c += LANES) {
      const floats v = widen(p + c), d = masked(widen(g + c), v, sc + c, sh + c);
      narrow(d * read(sc + c) + v * read(bp + c) + read(kp + c), o + c);
    }
  return {dx, dw, db};
}

// grad where y > 0, else 0, in place in grad.
void relu_backward_(const Tensor& grad, const Tensor& y) {
  check(grad);
  check(y);
  bf16* g = data(grad);
  const bf16* m = data(y);
  const int64_t n = grad.numel();
  for (int64_t i = 0; i < n; i += LANES) *(halves*)(g + i) &= (halves)(*(const halves*)(m + i) != 0);
}

// y is non-negative (behind a ReLU), where bfloat16 orders like its bits.
// Channels 0, s, 2s, … (D of them) are pooled, all are averaged.
// → pooled bf16, its window positions uint8, average float32 (kernel kh×kw, stride sh×sw); kh = 0: no average.
std::vector<Tensor> pool_and_average(const Tensor& y, int64_t D, int64_t s, int64_t t, int64_t kh, int64_t kw,
                                     int64_t sh, int64_t sw) {
  check(y);
  const int64_t N = y.size(0), C = y.size(1), H = y.size(2), W = y.size(3);
  TORCH_CHECK(D % LANES == 0 && D * s <= C, "expected a multiple of 16 kept channels");
  const int64_t PH = H - 2, PW = (W - 3) / t + 1;
  Tensor pooled = like(N, D, PH, PW, y), where = at::empty({N, PH, PW, D}, at::kByte);
  std::vector<bf16> compact(H * W * D);
  const bf16* p = data(y);
  bf16* o = data(pooled);
  uint8_t* at = where.data_ptr<uint8_t>();
  const int64_t AH = kh ? (H - kh) / sh + 1 : 0, AW = kh ? (W - kw) / sw + 1 : 0;
  Tensor average = at::zeros({N, AH, AW, C}, at::kFloat);
  float* avg = average.data_ptr<float>();
  const float inverse = kh ? 1.f / (kh * kw) : 0.f;
  for (int64_t n = 0; n < N; n++, p += H * W * C) {
    const bf16* src = p;
    if (D < C) {
      for (int64_t i = 0; i < H * W; i++)
        for (int64_t c = 0; c < D; c++) compact[i * D + c] = p[i * C + c * s];
      src = compact.data();
    }
    for (int64_t h = 0; h < PH; h++)
      for (int64_t w = 0; w < PW; w++, o += D, at += D) {
        const bf16* q = src + (h * W + w * t) * D;
        for (int64_t c = 0; c < D; c += LANES) {
          halves best = *(const halves*)(q + c), position = {};
          for (int k = 1; k < 9; k++) {
            const halves v = *(const halves*)(q + ((k / 3) * W + k % 3) * D + c);
            const halves more = (halves)(v > best);
            best = (v & more) | (best & ~more);
            position = (position & ~more) | (more & bf16(k));
          }
          *(halves*)(o + c) = best;
          *(bytes*)(at + c) = __builtin_convertvector(position, bytes);
        }
      }
    for (int64_t h = 0; h < AH; h++)
      for (int64_t w = 0; w < AW; w++, avg += C) {
        for (int64_t i = 0; i < kh; i++)
          for (int64_t j = 0; j < kw; j++) {
            const bf16* v = p + ((h * sh + i) * W + w * sw + j) * C;
            for (int64_t c = 0; c < C; c += LANES) write(avg + c, read(avg + c) + widen(v + c));
          }
        for (int64_t c = 0; c < C; c++) avg[c] *= inverse;
      }
  }
  return {pooled, where, average.permute({0, 3, 1, 2})};
}

Tensor pool_and_average_backward(const Tensor& grad_pooled, const Tensor& where, const Tensor& grad_average,
                                 int64_t C, int64_t H, int64_t W, int64_t s, int64_t t, int64_t kh, int64_t kw,
                                 int64_t sh, int64_t sw) {
  check(grad_pooled);
  const int64_t N = grad_pooled.size(0), D = grad_pooled.size(1);
  const int64_t PH = grad_pooled.size(2), PW = grad_pooled.size(3);
  Tensor dy = like(N, C, H, W, grad_pooled);
  Tensor ga = grad_average.permute({0, 2, 3, 1}).contiguous().to(at::kFloat);
  const int64_t AH = kh ? ga.size(1) : 0, AW = kh ? ga.size(2) : 0;
  const float* avg = ga.data_ptr<float>();
  const float inverse = kh ? 1.f / (kh * kw) : 0.f;
  const bf16* g = data(grad_pooled);
  const uint8_t* at = where.data_ptr<uint8_t>();
  bf16* o = data(dy);
  std::vector<float> plane(H * W * D), full(C);
  for (int64_t n = 0; n < N; n++) {
    std::fill(plane.begin(), plane.end(), 0.f);
    for (int64_t h = 0; h < PH; h++)
      for (int64_t w = 0; w < PW; w++, g += D, at += D) {
        float* q = plane.data() + (h * W + w * t) * D;
        for (int64_t c = 0; c < D; c += LANES) {
          const floats value = widen(g + c);
          const masks position = __builtin_convertvector(*(const bytes*)(at + c), masks);
          for (int k = 0; k < 9; k++) {
            float* v = q + ((k / 3) * W + k % 3) * D + c;
            write(v, read(v) + (floats)((masks)value & (position == k)));
          }
        }
      }
    for (int64_t h = 0; h < H; h++)
      for (int64_t w = 0; w < W; w++, o += C) {
        float* f = full.data();
        std::fill(full.begin(), full.end(), 0.f);
        if (kh) {
          for (int64_t i = h / sh; i >= 0 && i * sh + kh > h; i--)
            for (int64_t j = w / sw; j >= 0 && j * sw + kw > w; j--) {
              if (i >= AH || j >= AW) continue;
              const float* a = avg + ((n * AH + i) * AW + j) * C;
              for (int64_t c = 0; c < C; c += LANES) write(f + c, read(f + c) + read(a + c) * inverse);
            }
        }
        const float* v = plane.data() + (h * W + w) * D;
        if (s == 1)
          for (int64_t c = 0; c < D; c += LANES) write(f + c, read(f + c) + read(v + c));
        else
          for (int64_t c = 0; c < D; c++) f[c * s] += v[c];
        for (int64_t c = 0; c < C; c += LANES) narrow(read(f + c), o + c);
      }
  }
  return dy;
}

TORCH_LIBRARY(lprnet_cpu, m) {
  m.def("moments(Tensor x) -> Tensor", &moments);
  m.def("affine_relu(Tensor x, Tensor scale, Tensor shift) -> Tensor", &affine_relu);
  m.def(
      "norm_relu_backward(Tensor grad, Tensor x, Tensor scale, Tensor shift, Tensor mean, Tensor inverse_std) -> "
      "Tensor[]",
      &norm_relu_backward);
  m.def("relu_backward_(Tensor grad, Tensor y) -> ()", &relu_backward_);
  m.def("pool_and_average(Tensor y, int d, int s, int t, int kh, int kw, int sh, int sw) -> Tensor[]", &pool_and_average);
  m.def(
      "pool_and_average_backward(Tensor grad_pooled, Tensor position, Tensor grad_average, int C, int H, int W, int s, "
      "int t, int kh, int kw, int sh, int sw) -> Tensor",
      &pool_and_average_backward);
}
